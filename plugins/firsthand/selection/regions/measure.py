"""How good regions are, where the true ones are known: frame by frame, then the mean of each row, then of all rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from firsthand.evals.score import bootstrap_of_mean
from firsthand.selection.region_file import Box, Region
from firsthand.selection.regions.boxes import centre, iou

MEASURES = ("found", "centre in box", "IoU", "IoU > 0.5")
Values = tuple[float, float, float, float]


@dataclass(frozen=True)
class Measured:
    n: int
    means: Values
    intervals: tuple[tuple[float, float], ...]  # 95 %, over rows


def measured(found: Mapping[str, Region], truth: Mapping[str, Region]) -> Measured:
    """Over the rows that both have; a frame without a true box is left out, one without a found box counts as wrong."""
    rows = [(name, values) for name in truth if name in found and (values := _row(found[name], truth[name]))]
    columns = list(zip(*(values for _, values in rows), strict=True))
    intervals = tuple(bootstrap_of_mean([(name, values[i]) for name, values in rows]) for i in range(len(columns)))
    means = [fmean(column) for column in columns] or [0.0] * len(MEASURES)
    return Measured(len(rows), (means[0], means[1], means[2], means[3]), intervals)


def _row(found: Region, truth: Region) -> Values | None:
    boxes = dict(zip(found.frames, found.boxes, strict=True))
    pairs = [
        (boxes[frame], box)
        for frame, box in zip(truth.frames, truth.boxes, strict=True)
        if frame in boxes and box is not None
    ]
    if not pairs:
        return None
    values = [_frame(one, true) for one, true in pairs]
    a, b, c, d = (fmean(column) for column in zip(*values, strict=True))
    return a, b, c, d


def _frame(found: Box | None, truth: Box) -> Values:
    if found is None:
        return 0.0, 0.0, 0.0, 0.0
    x, y = centre(found)
    shared = float(iou(np.array(found), np.array([truth]))[0])
    return 1.0, float(truth[0] <= x < truth[2] and truth[1] <= y < truth[3]), shared, float(shared > 0.5)
