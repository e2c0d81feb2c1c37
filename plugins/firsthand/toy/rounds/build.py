"""Builds a world of rounds: takes in several processes, one after another on disk, so that a stopped build goes on."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from firsthand import files
from firsthand.errors import UserError
from firsthand.toy.rounds.plan import Take, plan_take
from firsthand.toy.rounds.write import truth_path, write_take
from firsthand.workers import default_workers, mapped

FORMAT = 4  # version of the world; in 2 a take had one light, and in 3 a weak one


@dataclass(frozen=True)
class Size:
    takes: int = 125  # of the training split
    held_out: int = 18  # of the wearers who are never trained on
    steps: int = 60  # of a take
    seed: int = 0
    colour: bool = False


def plan(size: Size) -> list[Take]:
    return [
        plan_take(split, number, size.steps, size.seed)
        for split, count in (("train", size.takes), ("val", size.held_out))
        for number in range(count)
    ]


def build(out: Path, size: Size, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
    with files.alone(out, "build of rounds"):
        _claim(out, size)
        takes = plan(size)
        missing = [take for take in takes if not truth_path(out, take.name).exists()]
        there = len(takes) - len(missing)
        progress(there, len(takes))
        for done, _ in enumerate(mapped(partial(_write, out, size.colour), missing, default_workers()), there + 1):
            progress(done, len(takes))
        listed = [{"take_uid": take.uid, "take_name": take.name} for take in takes]
        files.write_json(out / "egoexo/takes.json", listed)


def _write(out: Path, colour: bool, take: Take) -> None:
    write_take(out, take, colour)


def _claim(out: Path, size: Size) -> None:
    manifest, wanted = out / "manifest.json", {"world": "rounds", "format": FORMAT, **asdict(size)}
    if manifest.exists():
        found = files.read_json(manifest)
        if found != wanted:
            raise UserError(f"{out} holds another world ({found}); choose another folder or delete this one")
    elif any(path.name != ".lock" for path in out.iterdir()):
        raise UserError(f"{out} is not empty and holds no rounds (no manifest.json); choose another folder")
    else:
        files.write_json(manifest, wanted)
