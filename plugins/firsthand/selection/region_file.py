"""Where the hands meet a thing, frame by frame: one line of JSON a row of a data set.

Finders write it, masks and grounding rewards read it. Boxes are pixels of the frame as it is stored, so a file is good
for one frame store or one folder of media only, whose sizes it keeps.
"""

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from firsthand.errors import UserError, first_problem
from firsthand.files import read_jsonl, write_jsonl

Box = tuple[float, float, float, float]  # left, top, right, bottom; right and bottom lie outside


class Region(BaseModel):
    """Of one row. `frames` are positions in the row's own list of frames, 0 for an image."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str
    finder: str
    model: str | None = None
    size: tuple[int, int]  # width and height of the frames
    frames: tuple[int, ...]
    boxes: tuple[Box | None, ...] = Field(description="one a frame; none where no hand meets a thing")
    crop: tuple[int, Box] | None = None  # the frame and the box that show the thing best
    margin: float | None = None  # how far the best box scores above the others; low: not sure

    @property
    def found(self) -> bool:
        return any(self.boxes)


def write(path: Path | str, regions: Iterable[Region]) -> None:
    write_jsonl(path, (region.model_dump(mode="json") for region in regions))


def read(path: Path | str) -> dict[str, Region]:
    """By the id of the row."""
    regions: dict[str, Region] = {}
    for number, row in enumerate(read_jsonl(path), 1):
        try:
            region = Region.model_validate(row)
        except ValidationError as error:
            raise UserError(f"{path}: region {number}: {first_problem(error, 'row')}") from None
        if region.id in regions:
            raise UserError(f"{path}: region {number}: a second region of row {region.id!r}")
        regions[region.id] = region
    return regions
