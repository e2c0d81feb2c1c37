"""A built week as it lies on disk, read back for the proofs. Any other folder is one clear error."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from firsthand import clock, files
from firsthand.errors import UserError
from firsthand.question import Split
from firsthand.toy.week.build import FORMAT
from firsthand.toy.week.plan import Clip, Size, from_json
from firsthand.toy.week.splits import SPLITS

Row = dict[str, Any]


@dataclass(frozen=True)
class Folder:
    out: Path
    size: Size
    clips: dict[str, list[Clip]]  # by person, from truth/
    memory: dict[str, dict[str, list[Row]]]  # by person and level
    questions: dict[str, list[Row]]  # by person
    splits: dict[str, dict[str, list[Any]]]

    def all_clips(self) -> list[Clip]:
        return [clip for clips in self.clips.values() for clip in clips]

    def all_questions(self) -> list[Row]:
        return [row for rows in self.questions.values() for row in rows]

    def split_of(self) -> dict[str, Split]:
        """The split of each question, by its ID."""
        return {name: split for split in SPLITS for name in self.splits[split]["questions"]}


def load(out: Path) -> Folder:
    manifest = out / "manifest.json"
    if not manifest.is_file():
        raise UserError(f"{out} is not a toy week (no manifest.json); make one with: firsthand toy build {out}")
    found = files.read_json(manifest)
    if found.get("format") != FORMAT:
        raise UserError(f"{manifest}: format {found.get('format')}, this version reads {FORMAT}; build the week again")
    with _as_built(manifest):
        size = Size(**{field.name: found[field.name] for field in fields(Size)})
    clips, memory, questions = {}, {}, {}
    for identity in size.identities:
        clips[identity] = list(_clips(out / f"truth/{identity}.json", identity))
        memory[identity] = {
            level: files.read_json(out / f"memory/egolife/{identity}/{identity}_{level}.json") for level in clock.LEVELS
        }
        questions[identity] = files.read_json(out / f"qa/EgoLifeQA_{identity}.json")
    listed, parts = files.read_json(out / "splits.json"), ("blocks", "clips", "questions")
    with _as_built(out / "splits.json"):
        splits = {str(split): {part: list(listed[split][part]) for part in parts} for split in SPLITS}
    return Folder(out, size, clips, memory, questions, splits)


def _clips(path: Path, identity: str) -> Iterator[Clip]:
    for number, row in enumerate(files.read_json(path), 1):
        with _as_built(f"{path}, clip {number}"):
            yield from_json(identity, row)


@contextmanager
def _as_built(where: Path | str) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{where}: not as built ({type(error).__name__}: {error}); build the week again") from None
