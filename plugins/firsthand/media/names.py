"""Whose video a file is and when it begins, from its name."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath

from firsthand import clock
from firsthand.errors import UserError

ENDINGS = re.compile(r"\.(mp4|m4v|mov|mkv|webm|avi|m?ts|m2ts|mpe?g|3gp|wmv|flv|ogv)", re.IGNORECASE)
_EGOLIFE = re.compile(r"(DAY\d+)_(.+)_(\d+)", re.IGNORECASE)  # DAY1_A1_JAKE_11094208
_ELAPSED = re.compile(r"\d{8}")  # abc/00003000: 30 seconds into video abc
_CLIP = re.compile(r"(DAY\d+)_(A\d+_[A-Za-z]+)_(\d{8})")  # in the names of its frames too
PEOPLE = ("A1_JAKE", "A2_ALICE", "A3_TASHA", "A4_LUCIA", "A5_KATRINA", "A6_SHURE")  # of EgoLife


@dataclass(frozen=True)
class Recording:
    source: str  # whose week, or which video
    start: float  # clock seconds


def recording(path: PurePath) -> Recording:
    """The recording that a path, relative to the folder of all videos, names.

    `.../DAY1_A1_JAKE_11094208.mp4` is A1_JAKE at that time; `.../abc/00003000.mp4` is video abc, 30 seconds into it;
    every other file is a video of its own, named as the file and with elapsed time.
    """
    if found := _EGOLIFE.fullmatch(path.stem):
        made = Recording(found[2], clock.parse(f"{found[1]}_{found[3]}"))
    elif _ELAPSED.fullmatch(path.stem) and path.parent.name:
        made = Recording(path.parent.name, clock.at(1, path.stem))
    else:
        made = Recording(path.stem, clock.of_elapsed(0.0))
    if made.source.startswith("."):
        raise UserError(f"{path}: {made.source!r} cannot name a source; rename the file")
    return made


def person(name: str) -> str:
    """The whole name of a person of EgoLife, whom visual tools and file names call A1; every other name as it is."""
    return next((whole for whole in PEOPLE if whole.partition("_")[0] == name), name)


def clips(path: str) -> Iterator[Recording]:
    """Every clip of EgoLife that a path names; frames are called after their clip, `DAY1_A1_JAKE_11094208_100.jpg`."""
    for day, source, time in _CLIP.findall(path):
        with suppress(UserError):  # digits that are not a time
            yield Recording(source, clock.parse(f"{day}_{time}"))


def videos_below(folder: Path, store: Path) -> tuple[list[Path], list[Path]]:
    """Videos and all other files, sorted, relative to the folder; links to folders are followed, the store is not."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; name the folder that holds the videos")
    files: list[Path] = []
    seen = {store.resolve()}
    for root, folders, names in os.walk(folder, followlinks=True):
        if (real := Path(root).resolve()) in seen:  # or a loop of links
            folders.clear()
        else:
            seen.add(real)
            files += [Path(root, name).relative_to(folder) for name in names]
    videos = sorted(path for path in files if ENDINGS.fullmatch(path.suffix) and not path.name.startswith("._"))
    return videos, sorted(set(files) - set(videos))
