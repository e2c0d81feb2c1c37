"""Rewards for saying when and where: a span of time, a box, a point.

A span is two times with a dash, a comma or "to" between them, in brackets or not: `12.5-18`, `[12.5, 18.0]`,
`12.5 s to 18 s`, `0:12 - 1:02:18`, or two moments of a week, `DAY1_11210217-DAY1_11220000`. A box is four numbers, a
point is two, in brackets, or as the JSON object that Qwen's models write. Answer and gold answer count in the same
unit; whoever makes the rows sees to that. A span that ends before it begins, a box without area or any other text is
unreadable: it earns nothing.
"""

import json
import math
import re
from typing import Any

from firsthand.reward_fns.parts import Parts, Sample

from firsthand import clock
from firsthand.errors import UserError

PARTS = Parts()
_SECONDS = r"(\d{1,9}(?:\.\d{1,9})?)\s?(?:s|sec|seconds)?"
_CLOCK = r"((?:\d{1,3}:)?[0-5]?\d:[0-5]\d(?:\.\d{1,9})?)"
_BETWEEN = r"\s*(?:-|–|—|,|to)\s*"
_SPAN = re.compile(rf"[\[(]?\s*(?:{_SECONDS}{_BETWEEN}{_SECONDS}|{_CLOCK}{_BETWEEN}{_CLOCK})\s*[\])]?", re.ASCII)
_KEYS = ("bbox_2d", "bbox", "box", "point_2d", "point")
_MOST = 200  # characters
Span = tuple[float, float]
Box = tuple[float, float, float, float]


@PARTS.part
def temporal_iou(sample: Sample) -> float:
    """The seconds that the stated span shares with the gold one, of those that either has."""
    said, gold = span(sample.answer), span(sample.gold)
    if not said or not gold:
        return 0.0
    either = max(said[1], gold[1]) - min(said[0], gold[0])  # where they share nothing, the gap does not matter
    return max(0.0, min(said[1], gold[1]) - max(said[0], gold[0])) / either if either else float(said == gold)


@PARTS.part
def box_iou(sample: Sample) -> float:
    """The area that the stated box shares with the gold one, of that which either has."""
    said, gold = box(sample.answer), box(sample.gold)
    if not said or not gold:
        return 0.0
    sides = (min(said[i + 2], gold[i + 2]) - max(said[i], gold[i]) for i in (0, 1))
    shared = math.prod(max(0.0, side) for side in sides)
    return shared / (_area(said) + _area(gold) - shared)


@PARTS.part
def point_in_box(sample: Sample) -> float:
    """1 where the stated point lies in the gold box."""
    said, gold = numbers(sample.answer, 2), box(sample.gold)
    return bool(said and gold) and all(gold[i] <= said[i] <= gold[i + 2] for i in (0, 1))


@PARTS.part
def no_span(sample: Sample) -> float:
    """1 where the answer is not one span of time."""
    return span(sample.answer) is None


@PARTS.part
def no_box(sample: Sample) -> float:
    """1 where the answer is not one box."""
    return box(sample.answer) is None


@PARTS.part
def no_point(sample: Sample) -> float:
    """1 where the answer is not one point."""
    return numbers(sample.answer, 2) is None


def span(text: str) -> Span | None:
    """Seconds; of a week, those that `clock` counts."""
    if len(text) > _MOST:
        return None
    if found := _SPAN.fullmatch(text.strip()):
        start, end = (_seconds(part) for part in found.groups() if part)
        return (start, end) if start <= end else None
    try:
        return clock.parse_range(text)
    except UserError:
        return None


def box(text: str) -> Box | None:
    """Left, top, right, bottom."""
    found = numbers(text, 4)
    return found if found and found[0] < found[2] and found[1] < found[3] else None


def numbers(text: str, count: int) -> tuple[Any, ...] | None:
    """As many numbers as are asked for, in brackets or in a JSON object of Qwen's form."""
    if len(text) > _MOST:
        return None
    try:
        found = json.loads(text.replace("(", "[").replace(")", "]"))
    except (ValueError, RecursionError):
        return None
    if isinstance(found, list) and len(found) == 1:
        [found] = found
    if isinstance(found, dict):
        found = next((found[key] for key in _KEYS if key in found), None)
    if not isinstance(found, list) or len(found) != count or not all(type(part) in (int, float) for part in found):
        return None
    return tuple(map(float, found)) if all(abs(part) < 1e9 for part in found) else None


def _seconds(text: str) -> float:
    return sum(float(part) * 60**place for place, part in enumerate(reversed(text.split(":"))))


def _area(of: Box) -> float:
    return (of[2] - of[0]) * (of[3] - of[1])
