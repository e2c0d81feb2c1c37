"""Whether a reward pays for the right answer of every row and for no wrong one, without a model.

The full score is the highest that the gold answer of any row earns: a reward may have parts that no answer can earn
without a model, such as evidence. The form of the responses is the one that earns most on the first row.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from firsthand.data.read.rows import Broken, Rows
from firsthand.errors import UserError
from firsthand.rewards.examples import FORMS, THOUGHT, Example, of_row
from firsthand.rewards.function import Reward, Scores

CLOSE = 1e-6
KEY = "reward_model.ground_truth"
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


@dataclass
class Validated:
    file: Path
    full: float = -math.inf
    rows: Counter[str] = field(default_factory=Counter)  # by type of problem
    unreadable: list[str] = field(default_factory=list)  # rows
    problems: list[str] = field(default_factory=list)
    unjudged: int = 0  # wrong answers that only a server could tell from right ones

    def judge(self, rows: list[Row]) -> None:
        """Once all are tried: only then the full score is known."""
        self.rows = Counter(row.kind for row in rows)
        self.unjudged = sum(row.unjudged for row in rows)
        self.full = max((row.scores["score"] for row in rows), default=self.full)
        for row in rows:
            self.problems += self._problems(row)

    def _problems(self, row: Row) -> Iterator[str]:
        where = f"{self.file}: row {row.number}: {KEY}: "
        what = f"{_short(row.gold)} ({row.kind})"
        if not row.scores["score"] >= self.full - CLOSE:
            parts = ", ".join(f"{name} {value:g}" for name, value in row.scores.items() if name != "score")
            yield f"{where}the gold answer {what} earns {row.scores['score']:g} of {self.full:g} ({parts})"
        for answer, score in row.wrong.items():
            if score >= self.full - CLOSE:
                yield f"{where}{_short(answer)} earns the full {score:g}, as the gold answer {what} does"


def validate(file: Path, reward: Reward, loop: Any = None, only: int | None = None) -> Validated:
    """`only` so many of the first rows."""
    seen, rows, form = Validated(file), list[Row](), ""
    for number, row in islice(Rows(file), only):
        try:
            example = _example(row, loop)
            form = form or _best_form(reward, example)
            rows.append(_tried(number, reward, example, form))
        except ValueError as error:
            seen.unreadable.append(f"{file}: row {number}: {error}")
        except UserError as error:
            seen.problems.append(f"{file}: row {number}: {error}")
    seen.judge(rows)
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
