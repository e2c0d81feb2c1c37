"""Learning rate, weight decay, the teacher's momentum and what is late, as functions of the applied step."""

import math
from dataclasses import dataclass

from firsthand.egoagent.training.settings import Schedule


@dataclass(frozen=True)
class Values:
    learning_rate: float
    weight_decay: float
    momentum: float  # of the teacher
    late: bool


def values(given: Schedule, step: int) -> Values:
    """What step number `step` trains with, counted from 0; a further round is like the first."""
    step %= given.steps
    warm = max(1, round(given.warmup * given.steps))
    if step < warm:
        rate = given.learning_rate * (step + 1) / warm
    else:
        left = cosine((step - warm) / max(1, given.steps - warm))
        rate = given.learning_rate * (given.floor + (1 - given.floor) * left)
    left = cosine(step / given.steps)
    decay, momentum = given.weight_decay, (given.teacher_momentum, given.last_teacher_momentum)
    return Values(rate, _between(decay, left), _between(momentum, left), step >= given.late * given.steps)


def _between(ends: tuple[float, float], left: float) -> float:
    first, last = ends
    return last + (first - last) * left


def cosine(done: float) -> float:
    """1 at the beginning, 0 at the end."""
    return (1 + math.cos(math.pi * done)) / 2
