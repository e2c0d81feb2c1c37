"""What finds regions: one small class each, behind one interface. `centre` and `random` are what others are compared
with."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from firsthand.errors import UserError
from firsthand.selection import region_file
from firsthand.selection.region_file import Box, Region
from firsthand.selection.regions import boxes
from firsthand.selection.regions.shown import Pictures, Shown

MIDDLE = (0.45,)  # the window of `centre` and `random` has the middle size of the grid's


class Found(NamedTuple):
    boxes: tuple[Box | None, ...]  # one a frame
    crop: tuple[int, Box] | None = None  # position among the frames that were looked at, and the box
    margin: float | None = None


class Finder(Protocol):
    name: str
    model: str | None

    def find(self, row: Shown, pictures: Pictures) -> Found: ...


class Centre:
    name, model = "centre", None

    def find(self, row: Shown, pictures: Pictures) -> Found:
        width, height = pictures.size
        half = MIDDLE[0] * min(width, height) / 2
        box = (width / 2 - half, height / 2 - half, width / 2 + half, height / 2 + half)
        return Found((box,) * len(pictures.frames), (0, box))


class Random:
    """The same windows for the same row, whatever else is asked for."""

    name, model = "random", None

    def find(self, row: Shown, pictures: Pictures) -> Found:
        rng, tried = random.Random(f"{row.question.id} window"), boxes.windows(pictures.size, MIDDLE)
        drawn = tuple(boxes.as_box(rng.choice(tried)) for _ in pictures.frames)
        return Found(drawn, (0, drawn[0]))


@dataclass
class Precomputed:
    """Boxes that somebody else found, in our file of regions."""

    regions: dict[str, Region]
    name: str = "precomputed"
    model: str | None = None

    @classmethod
    def of(cls, path: Path) -> "Precomputed":
        return cls(region_file.read(path))

    def find(self, row: Shown, pictures: Pictures) -> Found:
        if (known := self.regions.get(row.question.id)) is None:
            raise UserError("the file of regions does not know the row")
        if known.size != pictures.size:
            raise UserError(f"its region is one of frames of {known.size}, the row's are {pictures.size}")
        if absent := sorted(set(pictures.numbers) - set(known.frames)):
            raise UserError(f"the file of regions has no box for its frame {absent[0]}")
        placed = dict(zip(known.frames, known.boxes, strict=True))
        position = pictures.numbers.index(known.crop[0]) if known.crop and known.crop[0] in pictures.numbers else None
        crop = None if position is None or known.crop is None else (position, known.crop[1])
        return Found(tuple(placed[number] for number in pictures.numbers), crop, known.margin)
