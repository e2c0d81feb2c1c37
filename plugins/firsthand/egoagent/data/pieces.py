"""Which images of a take can be clips: runs in which every image and every pose is there, cut into pieces.

A clip that spans a gap would show a jump as if it were an action. A run ends at each gap; a long run is cut into pieces
that overlap by the longest clip, and each start of a clip belongs to exactly one piece.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from firsthand.egoagent.data.egoexo import Body

STARTS = 100  # of a piece
LONGEST = 20  # steps of the longest clip that may be read


@dataclass(frozen=True)
class Step:
    """What lies between two images: `poses` poses, the last of them at the moment of the second image."""

    every: int = 5  # frames
    poses: int = 5

    def frames(self, image: int) -> range:
        gap = self.every // self.poses
        return range(image + gap, image + self.every + 1, gap)


@dataclass(frozen=True)
class Piece:
    first: int  # frame of its first image
    images: int
    starts: int  # clips of this piece start at its images 0 to starts - 1

    def clips(self, steps: int) -> int:
        return max(0, min(self.starts, self.images - steps))


def runs(images: list[int], body: Body, step: Step) -> Iterator[tuple[int, int]]:
    """(frame of the first image, number of images) of each run of at least two images."""
    there = set(images)
    first = None
    for image in sorted(frame for frame in there if frame % step.every == 0):
        first = image if first is None else first
        goes_on = image + step.every in there and all(frame in body.at for frame in step.frames(image))
        if not goes_on:
            if image > first:
                yield first, (image - first) // step.every + 1
            first = None


def cut(first: int, images: int, step: Step, longest: int = LONGEST) -> Iterator[Piece]:
    for start in range(0, images - 1, STARTS):
        starts = min(STARTS, images - 1 - start)
        yield Piece(first + start * step.every, min(starts + longest, images - start), starts)


def actions(body: Body, piece: Piece, step: Step) -> tuple[np.ndarray, np.ndarray]:
    """Places float32 [images - 1, poses, joints, 3] and visible bool [images - 1, poses, joints] of a piece."""
    images = range(piece.first, piece.first + (piece.images - 1) * step.every, step.every)
    rows = np.array([[body.at[frame] for frame in step.frames(image)] for image in images])
    return body.places[rows], body.visible[rows]
