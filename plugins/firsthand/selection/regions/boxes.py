"""Arithmetic of boxes, and the windows that a grid finder tries."""

import math

import numpy as np

from firsthand.selection.region_file import Box

SCALES = (0.3, 0.45, 0.6)  # sides of the windows, as shares of the short side of a frame
OVERLAP = 0.5  # at least so much of a window is also in the next one


def windows(size: tuple[int, int], scales: tuple[float, ...] = SCALES) -> np.ndarray:
    """Squares that cover a frame to its edges, float32 [n, 4]."""
    found = []
    for scale in scales:
        side = scale * min(size)
        xs, ys = (_starts(length, side) for length in size)
        found += [(x, y, x + side, y + side) for y in ys for x in xs]
    return np.array(found, np.float32)


def _starts(length: int, side: float) -> np.ndarray:
    steps = math.ceil((length - side) / (side * (1 - OVERLAP)))
    return np.linspace(0, length - side, steps + 1)


def iou(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Of one box and each of [n, 4]: the area that they share, of that which either has."""
    low, high = np.maximum(one[:2], others[:, :2]), np.minimum(one[2:], others[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    return shared / (_area(one) + _area(others) - shared)


def centre(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def joined(one: Box, other: Box) -> Box:
    return (min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3]))


def as_box(values: np.ndarray) -> Box:
    x0, y0, x1, y1 = (round(float(value), 1) for value in values)
    return x0, y0, x1, y1


def _area(boxes: np.ndarray) -> np.ndarray:
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
