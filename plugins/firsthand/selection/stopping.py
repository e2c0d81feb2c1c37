"""Which sample to ask for next, and when a row needs no more.

What the samples that are left may say is predicted from those that were drawn: for each condition and part a
beta-binomial with Jeffreys' prior. A row ends when one of its two decisions has at most the probability `risk`. With
risk 0 that is exact: the prediction leaves nothing out that is possible, so the decision can no longer change.

The next request is the shortest run of equal answers that could end the row, of the condition for which such a run is
likeliest for each of its samples. Asked for one by one they would all be asked for too. Where a prompt costs more than
its answers, because it holds a long video and the server does not cache it, requests may be `whole` instead.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from firsthand.selection.rules import Condition, Rules, Scores, Seen

Spread = Mapping[float, float]  # value -> probability
PRIOR = 0.5
ASKED_FIRST: tuple[Condition, ...] = ("masked", "full", "blind")  # where two runs are equally likely


@lru_cache(maxsize=4096)
def _beta_binomial(left: int, right: float, wrong: float) -> tuple[float, ...]:
    """The probability of 0, 1, ... `left` further right ones."""

    def log_beta(a: float, b: float) -> float:
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)

    a, b = PRIOR + right, PRIOR + wrong
    return tuple(math.comb(left, k) * math.exp(log_beta(a + k, b + left - k) - log_beta(a, b)) for k in range(left + 1))


def _total(values: Sequence[float], samples: int) -> Spread:
    """The sum of all samples, of which `values` are known."""
    known = math.fsum(values)
    chances = _beta_binomial(samples - len(values), known, len(values) - known)
    return {known + k: chance for k, chance in enumerate(chances)}


def _sum(spreads: Sequence[tuple[int, Spread]]) -> Spread:
    """Of independent numbers, each with its sign."""
    total: dict[float, float] = {0.0: 1.0}
    for sign, spread in spreads:
        added: dict[float, float] = defaultdict(float)
        for so_far, p in total.items():
            for value, q in spread.items():
                added[so_far + sign * value] += p * q
        total = added
    return total


def _split(spread: Spread, passes: Callable[[float], bool]) -> tuple[float, float]:
    """How likely it passes, and how likely not; 0 where it is impossible, and only there."""
    yes = no = 0.0
    for value, chance in spread.items():
        if passes(value):
            yes += chance
        else:
            no += chance
    return yes, no


def chances(scores: Scores, rules: Rules, centre: float | None, has_form: bool) -> tuple[float, float]:
    """The probability that a row is kept once all its samples are drawn, and that it is dropped."""
    samples = rules.samples
    coarse, fine = rules.coarse, None if rules.share else rules.fine
    full, blind, masked = scores["full"], scores["blind"], scores["masked"]
    form = [(1, _total(full.form, samples)), (-1, _total(blind.form, samples))] if has_form else []
    other = _sum([(-1, _total(blind.accuracy, samples)), *form]) if coarse else {0.0: 1.0}
    hidden = _total(masked.accuracy, samples) if fine else {0.0: 1.0}
    parts = samples * (2 if has_form else 1)
    keep = drop = 0.0
    for right, chance in _total(full.accuracy, samples).items():
        helps = _split(other, lambda rest, a=right: not coarse or coarse.passes((a + rest) / parts, centre))  # type: ignore[misc]
        falls = _split(hidden, lambda m, a=right: not fine or fine.passes(a / samples, m / samples))  # type: ignore[misc]
        keep += chance * helps[0] * falls[0]
        drop += chance * (helps[1] + helps[0] * falls[1])
    return keep, drop


class Planner:
    """What the rows of a run ask for. `centre` is the mean coarse difference of all rows, where the mode needs it."""

    def __init__(self, rules: Rules, has_form: bool, centre: float | None = None) -> None:
        self.rules, self.has_form, self.centre = rules, has_form, centre

    def next(self, scores: Scores) -> tuple[Condition, int] | None:
        """A condition and how many more of its samples; None: the row is decided."""
        if self.rules.needs_centre and self.centre is None:
            return self._rest(scores, ("full", "blind"))
        if self.rules.risk is None:
            return self._rest(scores, self.rules.conditions)
        if self._settled(scores):
            kept = self.rules.share and chances(scores, self.rules, self.centre, self.has_form)[1] <= self.rules.risk
            return self._rest(scores, self.rules.conditions) if kept else None  # ranked by what is whole
        runs = [run for condition in self._open(scores) if (run := self._run(scores, condition))]
        if not runs:
            return self._rest(scores, self._open(scores))
        _, condition, count = max(runs, key=lambda run: run[0])
        return condition, self._left(scores, condition) if self.rules.requests == "whole" else count

    def _settled(self, scores: Scores) -> bool:
        assert self.rules.risk is not None
        return min(chances(scores, self.rules, self.centre, self.has_form)) <= self.rules.risk

    def _open(self, scores: Scores) -> tuple[Condition, ...]:
        return tuple(one for one in ASKED_FIRST if self._left(scores, one))

    def _left(self, scores: Scores, condition: Condition) -> int:
        return self.rules.samples - len(scores[condition]) if condition in self.rules.conditions else 0

    def _rest(self, scores: Scores, conditions: Sequence[Condition]) -> tuple[Condition, int] | None:
        return next(((one, left) for one in conditions if (left := self._left(scores, one))), None)

    def _run(self, scores: Scores, condition: Condition) -> tuple[float, Condition, int] | None:
        """The shortest run of right or of wrong samples that would end the row, and its probability for each sample."""
        best = None
        for answer in (1.0, 0.0):
            for count in range(1, self._left(scores, condition) + 1):
                if self._settled({**scores, condition: _with(scores[condition], answer, count, self.has_form)}):
                    worth = self._chance(scores, condition, answer, count) / count
                    best = max(best or (worth, condition, count), (worth, condition, count))
                    break
        return best

    def _chance(self, scores: Scores, condition: Condition, answer: float, count: int) -> float:
        """Conditions are alike more often than not: an answer to another one counts as half an answer."""
        weights = {one: 1.0 if one == condition else 0.5 for one in scores}
        right = sum(weights[one] * sum(seen.accuracy) for one, seen in scores.items())
        wrong = sum(weights[one] * (len(seen) - sum(seen.accuracy)) for one, seen in scores.items())
        return _beta_binomial(count, right, wrong)[count if answer else 0]


def _with(seen: Seen, answer: float, count: int, has_form: bool) -> Seen:
    more = [answer] * count
    return Seen(accuracy=seen.accuracy + more, form=seen.form + [1.0] * count if has_form else [])
