"""A built week as it lies on disk, read back for the proofs. Any other folder gives one clear error."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from firsthand import clock, files
from firsthand.errors import UserError
from firsthand.question import Split
from firsthand.toy.week.build import FORMAT
from firsthand.toy.week.plan import Clip, Size, from_json
from firsthand.toy.week.splits import SPLITS

Row = dict[str, Any]
Whole = TypeVar("Whole")


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
    size = _read(manifest, _size, found)
    clips, memory, questions = {}, {}, {}
    for identity in size.identities:
        path = out / f"truth/{identity}.json"
        clips[identity] = [
            _read(f"{path}, clip {number}", partial(from_json, identity), row)
            for number, row in enumerate(files.read_json(path), 1)
        ]
        memory[identity] = {
            level: files.read_json(out / f"memory/egolife/{identity}/{identity}_{level}.json") for level in clock.LEVELS
        }
        questions[identity] = files.read_json(out / f"qa/EgoLifeQA_{identity}.json")
    path = out / "splits.json"
    splits = _read(path, _splits, files.read_json(path))
    return Folder(out, size, clips, memory, questions, splits)


def _size(content: Any) -> Size:
    return Size(**{field.name: content[field.name] for field in fields(Size)})


def _splits(content: Any) -> dict[str, dict[str, list[Any]]]:
    return {split: {key: list(content[split][key]) for key in ("blocks", "clips", "questions")} for split in SPLITS}


def _read(where: Path | str, reader: Callable[[Any], Whole], content: Any) -> Whole:
    try:
        return reader(content)
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{where}: not as built ({type(error).__name__}: {error}); build the week again") from None
