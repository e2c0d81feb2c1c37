"""Memories as Ego-R1 releases them, found by their names and read as they are.

    egolife/A1_JAKE/A1_JAKE_{1day,1hour,10min,30s}.json     a person's week
    videomme/videomme_{10min,30s}/{video}.json              a video: DAY1 00:00:00 and the time elapsed
    egoschema/{video}.json                                  a short video, its text a list of narrations

Each is a JSON list of `{"generated_text", "date", "start_time", "end_time"}`. Times are numbers or text; a record that
cannot be read, or comes twice, is left out and listed with its file, its index and the reason.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from firsthand import clock
from firsthand.errors import UserError
from firsthand.files import read_json, storable
from firsthand.memory.records import COARSE_TO_FINE, Record

_LEVELS = "|".join(clock.LEVELS)
_PERSON = re.compile(rf"(.+)_({_LEVELS})")
_VIDEOS = re.compile(rf"videomme_({_LEVELS})")


@dataclass(frozen=True, order=True)
class File:
    """A file of one source's records of one level."""

    source: str
    level: str
    path: Path


class Problems(list[str]):
    """What could not be read, and why: of a record with its index."""

    def add(self, path: Path, reason: str, index: int | None = None) -> None:
        self.append(f"{path}{'' if index is None else f'[{index}]'}: {reason}")


def find(folder: Path, problems: Problems) -> list[File]:
    """Every memory file below a folder, one for each source and level."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give the one that holds egolife/, videomme/ or egoschema/")
    found: dict[tuple[str, str], File] = {}
    for path in sorted(folder.resolve().rglob("*.json")):
        file = _named(path)
        if not path.is_file():
            problems.add(path, "is not a regular file")
        elif file is None:
            problems.add(path, "its name is not NAME_LEVEL.json, videomme_LEVEL/ID.json or egoschema/ID.json")
        elif other := found.get((file.source, file.level)):
            problems.add(path, f"repeats {file.source} {file.level}, which {other.path} holds")
        else:
            found[file.source, file.level] = file
    return sorted(found.values())


def read(files: Iterable[File], problems: Problems) -> Iterator[Record]:
    """The records of files that `find` found. One of the finest level is a clip; the others name their clips."""
    sources: dict[str, list[File]] = {}
    for file in files:
        sources.setdefault(file.source, []).append(file)
    for held in sources.values():
        by_level = {file.level: list(_records(file, problems)) for file in held}
        clips = [replace(one, provenance=(clock.stamp(one.start),)) for one in by_level.pop("30s", [])]
        yield from clips
        for level in (level for level in COARSE_TO_FINE if level in by_level):
            for one in by_level[level]:
                inside = tuple(clip.provenance[0] for clip in clips if one.start <= clip.start and clip.end <= one.end)
                yield replace(one, provenance=inside)


def _named(path: Path) -> File | None:
    if path.parent.name == "egoschema":
        return File(path.stem, "30s", path)
    if found := _VIDEOS.fullmatch(path.parent.name):
        return File(path.stem, found[1], path)
    if found := _PERSON.fullmatch(path.stem):
        return File(found[1], found[2], path)
    return None


def _records(file: File, problems: Problems) -> Iterator[Record]:
    try:
        rows = read_json(file.path)
    except (UserError, OSError) as error:
        problems.add(file.path, str(error).removeprefix(f"{file.path}: "))
        return
    if not isinstance(rows, list):
        problems.add(file.path, "is not a list of records")
        return
    seen = set()
    for index, row in enumerate(rows):
        try:
            record = _record(file, row)
        except (UserError, ValueError, TypeError, OverflowError) as error:
            problems.add(file.path, str(error), index)
            continue
        if record in seen:
            problems.add(file.path, "repeats an earlier record", index)
        else:
            seen.add(record)
            yield record


def _record(file: File, row: Any) -> Record:
    if not isinstance(row, dict):
        raise ValueError("is not a record: a record is a JSON object")
    if missing := [key for key in ("generated_text", "date", "start_time", "end_time") if key not in row]:
        raise ValueError(f"lacks {', '.join(missing)}")
    text = row["generated_text"]
    if isinstance(text, list) and all(isinstance(line, str) for line in text):
        text = "\n".join(text)
    if not isinstance(text, str):
        raise ValueError("generated_text is neither text nor a list of texts")
    start, end = clock.from_record(row)
    if end < start:
        over_midnight = clock.plus(end, clock.DAY)
        if clock.seconds_between(start, over_midnight) > 2 * clock.LEVELS[file.level] or file.level == "1day":
            raise ValueError(f"ends before it starts ({clock.format_range(start, end)})")
        end = over_midnight
    return Record(file.source, file.level, start, end, storable(text))
