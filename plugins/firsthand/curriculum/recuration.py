"""Which rows are trained on from now on: the best of a slice that was scored again, and a part of the old ones.

Reconstructed, as the paper gives no rule: among rows that the video helps with and that are sometimes right, those that
fall most without their region; `replay` of the new set are rows of the old one, so that what was learnt stays.
"""

import math
import random
from collections.abc import Sequence
from typing import NamedTuple

from firsthand.selection.gates import Gate
from firsthand.selection.ledger import Entry, Verdict
from firsthand.selection.rules import Fine, drop_of, gain_of


class Update(NamedTuple):
    active: list[str]
    entered: list[str]
    left: list[str]

    @property
    def overlap(self) -> float:
        """The share of the new set that was in the old one."""
        return 1 - len(self.entered) / len(self.active) if self.active else 1.0


def ranked(entries: Sequence[Entry], verdicts: Sequence[Verdict], fine: Fine | None, gate: Gate) -> list[str]:
    """Rows worth training on, best first. The verdicts are of the coarse filter alone."""

    def rank(entry: Entry) -> tuple[float, float, str]:
        return -(drop_of(entry.scores, fine) or 0), -(gain_of(entry.scores) or 0), entry.id

    for entry in entries:
        if answers := entry.scores["full"].accuracy:
            gate.observe(entry.id, answers)
    passed = [entry for entry, verdict in zip(entries, verdicts, strict=True) if verdict.kept]
    return [entry.id for entry in sorted(passed, key=rank) if gate.admit(entry.id)]


def recurated(active: Sequence[str], best: Sequence[str], size: int, replay: float, seed: str) -> Update:
    """A set of `size` rows; where the slice has too few good ones, more of the old rows stay."""
    old = sorted(active, key=lambda id: random.Random(f"{seed} {id}").random())
    kept = old[: math.ceil(replay * size)]
    new = list(dict.fromkeys([*kept, *best, *old]))[:size]
    before, now = set(active), set(new)
    return Update(new, [id for id in new if id not in before], [id for id in active if id not in now])
