"""Accuracies as dots with intervals on one axis, with chance per group; geometry in the units of an SVG view box.

Chance is what a guess scores: the mean of one over the number of options. The commonest letter is often worth more.
"""

from collections import Counter
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from firsthand.evals.rows import Gold
from firsthand.evals.score import Score, Tally

WIDTH, LEFT, RIGHT = 860, 250, 30
ROW, GAP = 15, 12  # of a run, and between groups


class Mark(NamedTuple):
    run: int  # its number, which is its colour
    y: float
    x: float
    low: float
    high: float
    text: str


class Group(NamedTuple):
    name: str
    n: int
    y: float  # of its name
    top: float
    bottom: float
    marks: list[Mark]
    chance: float | None
    common: float | None  # the commonest right letter
    said: str  # both in words


class Chart(NamedTuple):
    height: float
    groups: list[Group]
    ticks: list[tuple[float, str]]


def draw(scores: Sequence[Score], golds: dict[str, Gold], keys: Sequence[str]) -> Chart:
    """A group for all questions, and for each value of each key."""
    members = {"all": list(golds.values())}
    for key in keys:
        for gold in golds.values():
            members.setdefault(f"{key}: {gold.group(key)}", []).append(gold)
    groups, top = list[Group](), 10.0
    for name, asked in members.items():
        tallies = [score if name == "all" else score.by.get(name, Tally()) for score in scores]
        bottom = top + ROW * len(scores)
        marks = [_mark(number, tally, top + ROW * (number + 0.5)) for number, tally in enumerate(tallies)]
        groups.append(Group(name, len(asked), (top + bottom) / 2, top, bottom, marks, *_guesses(asked)))
        top = bottom + GAP
    return Chart(top + 16, groups, [(_x(share / 4), f"{25 * share}") for share in range(5)])


def _mark(run: int, tally: Tally, y: float) -> Mark:
    low, high = tally.bootstrap or tally.interval
    text = f"{100 * tally.accuracy:.1f} ({100 * low:.1f} to {100 * high:.1f}), n = {tally.n}"
    return Mark(run, y, _x(tally.accuracy), _x(low), _x(high), text)


def _guesses(asked: Sequence[Gold]) -> tuple[float | None, float | None, str]:
    if not all(gold.letters for gold in asked):
        return None, None, ""
    chance = fmean(1 / len(gold.letters) for gold in asked)
    [(letter, count)] = Counter(gold.answer for gold in asked).most_common(1)
    common = count / len(asked)
    said = f"chance {100 * chance:.1f}, always {letter} {100 * common:.1f}"
    return _x(chance), _x(common), said


def _x(share: float) -> float:
    return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)
