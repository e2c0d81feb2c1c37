"""Other ways to choose rows, behind the interface of `csm`: they read the same samples, or the traces of a training.

Each decides all rows of the pool together. Where it draws, it draws by the seed and the row's id.
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import ClassVar, Literal

from pydantic import Field

from firsthand.selection import traces
from firsthand.selection.gates import ZeroVariance
from firsthand.selection.ledger import KEPT, UNANSWERED, Entry, Verdict
from firsthand.selection.rules import Condition, Fine, Scores
from firsthand.tools.settings import Strict


class Fixed:
    """All samples of each condition, none saved."""

    def __init__(self, conditions: Sequence[Condition], samples: int) -> None:
        self.conditions, self.samples = conditions, samples

    def next(self, scores: Scores) -> tuple[Condition, int] | None:
        left = [(one, self.samples - len(scores[one])) for one in self.conditions]
        return next((wanted for wanted in left if wanted[1] > 0), None)


class Baseline(Strict):
    conditions: ClassVar[tuple[Condition, ...]] = ()  # none: no model is asked
    samples: int = 0
    fine: ClassVar[Fine | None] = None
    needs_centre: ClassVar[bool] = False

    def centre(self, entries: Sequence[Entry]) -> float | None:
        return None

    def planner(self, has_form: bool, centre: float | None) -> Fixed:
        return Fixed(self.conditions, self.samples)

    def decide(self, entries: Sequence[Entry], has_form: bool) -> list[Verdict]:
        known = [self._unknown(entry) for entry in entries]
        judged = self.judge([entry for entry, reason in zip(entries, known, strict=True) if not reason])
        return [
            Verdict(False, reason) if reason else judged[entry.id] for entry, reason in zip(entries, known, strict=True)
        ]

    def _unknown(self, entry: Entry) -> str:
        return entry.reason or (UNANSWERED if self.planner(False, None).next(entry.scores) else "")

    def judge(self, entries: Sequence[Entry]) -> dict[str, Verdict]:
        raise NotImplementedError


class Full(Baseline):
    """Every row."""

    name: Literal["full"]

    def judge(self, entries: Sequence[Entry]) -> dict[str, Verdict]:
        return {entry.id: Verdict(True, KEPT) for entry in entries}


class Random(Baseline):
    name: Literal["random"]
    share: float = Field(gt=0, le=1)
    seed: int = 0

    def judge(self, entries: Sequence[Entry]) -> dict[str, Verdict]:
        drawn = sorted(entries, key=lambda entry: random.Random(f"{self.seed} {entry.id}").random())
        return _first(drawn, round(self.share * len(entries)), "not drawn")


class PassRate(Baseline):
    """Rows that are sometimes right: `above` < accuracy < `below`. A group without both teaches GRPO nothing."""

    name: Literal["pass_rate"]
    conditions: ClassVar[tuple[Condition, ...]] = ("full",)
    samples: int = Field(5, ge=2)
    above: float = 0.0
    below: float = 1.0

    def judge(self, entries: Sequence[Entry]) -> dict[str, Verdict]:
        return {entry.id: self._one(entry.scores["full"].right or 0.0) for entry in entries}

    def _one(self, right: float) -> Verdict:
        if right <= self.above:
            return Verdict(False, "too hard")
        return Verdict(False, "too easy") if right >= self.below else Verdict(True, KEPT)


class S1(Baseline):
    """s1: drop what a model can do already, then draw evenly over domains, long thoughts first.

    Its two language models are here the policy blind and with the video, its domains the labels of the rows. Inside a
    domain the weight is 2^-rank by falling length of the thought. The first 700 rows of 1,000 are drawn evenly there,
    the others by benchmark; here all are drawn evenly.
    """

    name: Literal["s1"]
    conditions: ClassVar[tuple[Condition, ...]] = ("blind", "full")
    samples: int = Field(1, ge=1)
    share: float = Field(gt=0, le=1)
    seed: int = 0

    def judge(self, entries: Sequence[Entry]) -> dict[str, Verdict]:
        verdicts = {entry.id: Verdict(False, "solved already") for entry in entries}
        domains: dict[str, list[Entry]] = defaultdict(list)
        for entry in sorted(entries, key=lambda entry: (-entry.thought.words, entry.id)):
            if not any(entry.scores["blind"].accuracy) and not any(entry.scores["full"].accuracy):
                domains[entry.label].append(entry)
                verdicts[entry.id] = Verdict(False, "not drawn")
        rng = random.Random(self.seed)
        for _ in range(round(self.share * len(entries))):
            if not (left := sorted(name for name, rows in domains.items() if rows)):
                break
            rows = domains[rng.choice(left)]
            taken = rng.choices(rows, [2.0**-rank for rank in range(len(rows))])[0]
            rows.remove(taken)
            verdicts[taken.id] = Verdict(True, KEPT)
        return verdicts


class Limo(Baseline):
    """Approximately LIMO, whose code is not released: rows that are solved now and then, best thoughts first.

    A thought is ranked by its length and by how often it checks itself.
    """

    name: Literal["limo"]
    conditions: ClassVar[tuple[Condition, ...]] = ("full",)
    samples: int = Field(32, ge=2)
    fewest: int = 1
    most: int = 3  # right of `samples`
    share: float = Field(gt=0, le=1)

    def judge(self, entries: Sequence[Entry]) -> dict[str, Verdict]:
        verdicts, hard = {}, []
        for entry in entries:
            right = sum(entry.scores["full"].accuracy)
            verdicts[entry.id] = Verdict(False, "too hard" if right < self.fewest else "too easy")
            if self.fewest <= right <= self.most:
                hard.append(entry)
        hard.sort(key=lambda entry: (-entry.thought.words - 10 * entry.thought.checks, entry.id))
        return verdicts | _first(hard, round(self.share * len(entries)), "a weaker thought")


class Limr(Baseline):
    """LIMR: rows whose accuracy rises in training as that of all rows does.

    s = 1 - sum_k (r_k - mean_k)^2 / sum_k (1 - mean_k)^2 over the visits k of a row; a missing visit takes the value
    of the next one. Kept if s >= threshold: 0.6 in its text, 0.2 is the default of its code.
    """

    name: Literal["limr"]
    traces: Path
    threshold: float = 0.6

    def judge(self, entries: Sequence[Entry]) -> dict[str, Verdict]:
        aligned = alignment(traces.read(self.traces))
        unseen = Verdict(False, "not seen in training")
        return {
            entry.id: Verdict(
                aligned[entry.id] >= self.threshold, KEPT if aligned[entry.id] >= self.threshold else "not aligned"
            )
            if entry.id in aligned
            else unseen
            for entry in entries
        }


def alignment(visits: dict[str, traces.Visits]) -> dict[str, float]:
    """LIMR's score of each row. Rows that were seen less often than others lack their first visits."""
    longest = max(map(len, visits.values()))
    curves = {}
    for id, seen in visits.items():
        means = [fmean(rewards) for rewards in seen]
        curves[id] = [means[0]] * (longest - len(means)) + means
    average = [fmean(curve[k] for curve in curves.values()) for k in range(longest)]
    room = sum((1 - mean) ** 2 for mean in average)
    return {
        id: 1 - sum((value - mean) ** 2 for value, mean in zip(curve, average, strict=True)) / room if room else 1.0
        for id, curve in curves.items()
    }


class Greso(Baseline):
    """GRESO, from the traces of a run: the gate `ZeroVariance` after all that was seen there."""

    name: Literal["greso"]
    traces: Path
    explore: float = Field(0.5, gt=0, le=1)
    seed: int = 0

    def judge(self, entries: Sequence[Entry]) -> dict[str, Verdict]:
        gate = ZeroVariance(self.explore, self.seed)
        for id, visits in traces.read(self.traces).items():
            for rewards in visits:
                gate.observe(id, rewards)
        admitted = {entry.id: gate.admit(entry.id) for entry in entries}
        return {id: Verdict(kept, KEPT if kept else "taught nothing lately") for id, kept in admitted.items()}


def _first(ranked: Sequence[Entry], count: int, reason: str) -> dict[str, Verdict]:
    return {
        entry.id: Verdict(True, KEPT) if place < count else Verdict(False, reason) for place, entry in enumerate(ranked)
    }
