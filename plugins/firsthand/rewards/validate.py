"""Whether a reward pays for the right answer of every row and for no wrong one, without a model.

The full score is the highest that the gold answer of any row earns: a reward may have parts that no answer can earn
without a model, such as evidence. The form of the responses is the one that earns most on the first row. However many
rows there are, only the first of each kind of problem are kept.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

from firsthand.data.read.rows import Broken, Rows
from firsthand.errors import UserError
from firsthand.progress import Tick
from firsthand.rewards.examples import FORMS, THOUGHT, Example, of_row
from firsthand.rewards.function import Reward, Scores

CLOSE = 1e-6
KEPT = 20  # rows of each kind of problem
KEY = "reward_model.ground_truth"
T = TypeVar("T")
ODD = (TypeError, AttributeError, LookupError, OverflowError, RecursionError)


@dataclass(slots=True)
class Row:
    """What the answers of a row earned."""

    number: int
    kind: str
    gold: str
    scores: Scores
    wrong: dict[str, float]  # those that earned no less than the gold answer
    unjudged: int

    @property
    def score(self) -> float:
        return self.scores["score"]


@dataclass
class Found(Generic[T]):
    """How many there are, and the first of them: a data set may be wrong in each of its rows."""

    count: int = 0
    first: list[T] = field(default_factory=list)

    def add(self, one: T, count: int = 1) -> None:
        self.count += count
        self.first = [*self.first, one] if len(self.first) < KEPT else self.first


@dataclass
class Validated:
    """What is known after some rows. The full score may still rise: then no row before has earned it."""

    file: Path
    full: float = -math.inf
    rows: Counter[str] = field(default_factory=Counter)  # by type of problem
    unreadable: Found[str] = field(default_factory=Found)  # rows
    failed: Found[str] = field(default_factory=Found)  # the reward function itself
    less: Found[Row] = field(default_factory=Found)  # the gold answer earned less than the full score
    best: Found[Row] = field(default_factory=Found)  # it earned the full score
    paid: Found[Row] = field(default_factory=Found)  # so did wrong answers
    unjudged: int = 0  # wrong answers that only a server could tell from right ones

    def add(self, row: Row) -> None:
        self.rows[row.kind] += 1
        self.unjudged += row.unjudged
        if row.score > self.full + CLOSE:
            self.less = Found(self.less.count + self.best.count, self._earlier())
            self.full, self.best, self.paid = row.score, Found(), Found()
        (self.best if row.score >= self.full - CLOSE else self.less).add(row)
        row.wrong = {answer: score for answer, score in row.wrong.items() if score >= self.full - CLOSE}
        if row.wrong:
            self.paid.add(row, len(row.wrong))

    def _earlier(self) -> list[Row]:
        return sorted([*self.less.first, *self.best.first], key=lambda row: row.number)[:KEPT]

    @property
    def count(self) -> int:
        return self.failed.count + self.less.count + self.paid.count

    @property
    def problems(self) -> list[str]:
        """The first ones, in the order of the rows."""
        rows = {row.number: row for row in (*self.less.first, *self.paid.first)}
        return [*self.failed.first, *(said for number in sorted(rows) for said in self._problems(rows[number]))]

    def _problems(self, row: Row) -> Iterator[str]:
        where = f"{self.file}: row {row.number}: {KEY}: "
        what = f"{_short(row.gold)} ({row.kind})"
        if not row.score >= self.full - CLOSE:
            parts = ", ".join(f"{name} {value:g}" for name, value in row.scores.items() if name != "score")
            yield f"{where}the gold answer {what} earns {row.score:g} of {self.full:g} ({parts})"
        for answer, score in row.wrong.items():
            if score >= self.full - CLOSE:
                yield f"{where}{_short(answer)} earns the full {score:g}, as the gold answer {what} does"


def validate(
    file: Path, reward: Reward, loop: Any = None, only: int | None = None, tick: Tick = lambda done, total: None
) -> Validated:
    """`only` so many of the first rows."""
    seen, form, rows = Validated(file), "", Rows(file)
    for number, row in islice(rows, only):
        try:
            example = _example(row, loop)
            form = form or _best_form(reward, example)
            seen.add(_tried(number, reward, example, form))
        except ValueError as error:
            seen.unreadable.add(f"{file}: row {number}: {error}")
        except UserError as error:
            seen.failed.add(f"{file}: row {number}: {error}")
        tick(rows.done, rows.total)
    return seen


def _example(row: Any, loop: Any) -> Example:
    if isinstance(row, Broken):
        raise ValueError(row.why)
    try:
        return of_row(row, loop)
    except ODD as error:
        raise ValueError(f"a value is not of the form of these rows ({error})") from None


def _tried(number: int, reward: Reward, example: Example, form: str) -> Row:
    scores = _score(reward, example, form, example.gold)
    wrong = {answer: _score(reward, example, form, answer)["score"] for answer in example.wrong}
    paid = {answer: score for answer, score in wrong.items() if score >= scores["score"] - CLOSE}
    unjudged = sum(map(math.isnan, wrong.values()))
    return Row(number, example.sample.kind, example.gold, scores, paid, unjudged)


def _score(reward: Reward, example: Example, form: str, answer: str) -> Scores:
    text = form.format(thought=THOUGHT, answer=answer)
    return reward.score(text, example.truth, example.given(text), example.data_source)


def _best_form(reward: Reward, example: Example) -> str:
    earned = {form: _score(reward, example, form, example.gold)["score"] for form in FORMS}
    return max(earned, key=lambda form: earned[form] if math.isfinite(earned[form]) else -math.inf)


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}...")
