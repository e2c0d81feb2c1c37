"""Signals that tell learning from the two ways to fail which a falling loss hides.

Per-sample entropy H: how sure the teacher is of one image. Marginal entropy M: how many prototypes it uses over all of
them. Both at log K is the uniform plateau, on which nothing is learnt. Both low is collapse: every image is the same.
Learning is M above H.
"""

import math
from dataclasses import dataclass
from typing import Literal

LEARNING_GAP = 0.3  # M - H, measured on a small world (docs/egoagent.md); stage 1 has left the plateau above it
STEADY = 0.9  # the gap is a running mean with this momentum: one batch says little

State = Literal["plateau", "collapse", "learning", "unclear"]
SAID = {
    "plateau": "still on the uniform plateau: every image gets all prototypes alike. It may leave it by itself; what "
    "helped most was loss.teacher_temperature=0.02, then loss.centring=sinkhorn",
    "collapse": "collapse: all images get the same few prototypes. Raise loss.teacher_temperature or "
    "schedule.teacher_momentum, or lower schedule.learning_rate",
}


@dataclass(frozen=True)
class Health:
    entropy: float
    marginal_entropy: float
    spread: float  # of the teacher's features over images: 1 for unrelated ones, 0 where all are the same
    prototypes: int

    @property
    def gap(self) -> float:
        return self.marginal_entropy - self.entropy

    @property
    def state(self) -> State:
        most = math.log(self.prototypes)
        if self.gap > LEARNING_GAP:
            return "learning"
        if self.entropy > 0.95 * most:
            return "plateau"
        return "collapse" if self.gap < 0.05 and self.marginal_entropy < 0.5 * most else "unclear"
