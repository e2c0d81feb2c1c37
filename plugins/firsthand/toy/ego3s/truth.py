"""The regions of the rows as the week knows them, from its files of boxes.

Where a hand meets a thing the box is the week's region of interaction. Where hands rest it is the box around both of
them: each row has a region then, as with any finder, and whether there is one tells nothing about the question.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from firsthand.selection.region_file import Box, Region
from firsthand.toy.ego3s.asked import Asked, Medium
from firsthand.toy.week.world import HEIGHT, WIDTH

MIDDLE = 2  # the frame of a video at the moment that is asked about


def regions(week: Path, shown: Iterable[tuple[Asked, Medium]]) -> Iterator[Region]:
    by_clip: dict[str, list[tuple[Asked, Medium]]] = defaultdict(list)
    for asked, medium in shown:
        by_clip[asked.clip.path].append((asked, medium))
    for path, rows in by_clip.items():
        with np.load(week / f"boxes/{path}.npz") as arrays:
            places = {side: arrays[side] for side in ("left", "right", "interaction")}
        for asked, medium in rows:
            boxes = tuple(_box(places, number) for number in asked.numbers(medium))
            best = MIDDLE if medium == "video" else 0
            yield Region(
                id=asked.name(medium), finder="truth", size=(WIDTH, HEIGHT), frames=tuple(range(len(boxes))),
                boxes=boxes, crop=(best, boxes[best]),
            )  # fmt: skip


def _box(places: dict[str, np.ndarray], frame: int) -> Box:
    met = places["interaction"][frame]
    if met[0] >= 0:
        x0, y0, x1, y1 = met.tolist()
    else:
        hands = np.stack([places["left"][frame], places["right"][frame]])
        (x0, y0), (x1, y1) = hands[:, :2].min(0).tolist(), hands[:, 2:].max(0).tolist()
    return float(x0), float(y0), float(x1), float(y1)
