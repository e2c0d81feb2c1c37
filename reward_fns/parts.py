"""Rewards as named parts: one function per part, and the recipe says what each part is worth.

A reward file registers its parts and combines them. Adding a part is one function:

    PARTS = Parts()

    @PARTS.part
    def accuracy(sample: Sample) -> float:
        "1 for the right letter."
        return float(sample.choice == sample.truth)

    def compute_score(data_source, solution_str, ground_truth, extra_info=None, *, parts):
        return combine(PARTS, parts, Sample(solution_str, ground_truth, extra_info))

and in a recipe, `reward.custom_reward_function.reward_kwargs: {parts: {accuracy: 1.0, format: 0.1}}`.

Every sample gets `score` and every part under fixed names, also the parts without a weight: a run then logs what it is
paid for, and what it is not. Group rewards are another thing: they see all rollouts of a question, and belong to
`training/replay_buffer.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from firsthand.answers import extract_choice
from firsthand.question import letters_of
from firsthand.rollout.trace import Trace


@dataclass
class Sample:
    """One response as veRL hands it to a reward function."""

    text: str  # what the model and, in a run with tools, the environment wrote
    truth: Any
    info: Mapping[str, Any] | None = None  # `extra_info` of the row
    options: Mapping[str, Any] = field(default_factory=dict)  # what else the recipe says

    @cached_property
    def choice(self) -> str | None:
        """The letter of the answer tag; None where it cannot be read, and for an open question."""
        return extract_choice(self.text, letters_of(self.info))

    @cached_property
    def trace(self) -> Trace:
        """What the agent loop handed over."""
        return Trace.model_validate((self.info or {})["trace"])


Part = Callable[[Sample], float]


class Parts(dict[str, Part]):
    """The parts of one reward by name, in the order in which they are logged."""

    def part(self, function: Part) -> Part:
        if not function.__doc__:
            raise TypeError(f"{function.__name__}: a part of a reward needs a docstring that says what it pays")
        self[function.__name__] = function
        return function


def combine(parts: Parts, weights: Mapping[str, float], sample: Sample) -> dict[str, float]:
    """The weighted sum as `score`, and every part; a part without a weight adds nothing."""
    if unknown := weights.keys() - parts.keys():
        raise ValueError(f"parts: {', '.join(sorted(unknown))} is not one of {', '.join(parts)}")
    values = {name: float(part(sample)) for name, part in parts.items()}
    return {"score": sum(weights.get(name, 0.0) * value for name, value in values.items()), **values}
