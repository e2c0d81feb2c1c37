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
paid for, and what it is not. A part that could not be measured, because a server failed, is NaN: if it has a weight, so
is the score, and such a rollout is masked and counted. Group rewards are another thing: they see all rollouts of a
question, and belong to `training/replay_buffer.py`.
"""

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from firsthand.answers import answer_text, extract_choice
from firsthand.question import letters_of
from firsthand.rollout.trace import Trace

LONGEST = 20_000  # characters of an answer
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f\ud800-\udfff]")


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
    def answer(self) -> str:
        """The text in the answer tag; empty where there is none that can be read."""
        return readable(answer_text(self.text) or "")

    @cached_property
    def gold(self) -> str:
        """The right answer as text. Rows of other projects may hold it with its tags."""
        truth = str(self.truth).strip()
        return (answer_text(truth) or "") if "<answer>" in truth else truth

    @cached_property
    def kind(self) -> str:
        """The type of the problem, as the row names it. A row that does not say has options, or is open."""
        named = (self.info or {}).get("problem_type")
        return named or ("multiple choice" if letters_of(self.info) else "free-form")

    @cached_property
    def trace(self) -> Trace:
        """What the agent loop handed over."""
        return Trace.model_validate((self.info or {})["trace"])


def readable(answer: str) -> str:
    """`answer`, or nothing where it is endless or holds control characters, which libraries read as they like."""
    return "" if len(answer) > LONGEST or _CONTROL.search(answer) else answer


@cache
def library(name: str) -> Any:
    """A library of the extra `rewards`, imported when a part first needs it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{error}; this reward needs: pip install 'firsthand[rewards]'") from error


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
    return {"score": sum((weight * values[name] for name, weight in weights.items() if weight), 0.0), **values}
