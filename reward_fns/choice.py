"""Reward for multiple-choice questions: the letter in the answer tag, and the form of the answer.

The weights come from the recipe (`reward_kwargs: {parts: {accuracy: 1.0, format: 0.1}}`). An answer that cannot be read
is wrong, not skipped: `unreadable` counts them.
"""

from collections.abc import Mapping
from typing import Any

from firsthand.reward_fns.parts import Parts, Sample, combine

from firsthand.answers import has_format

PARTS = Parts()


@PARTS.part
def accuracy(sample: Sample) -> float:
    """1 for the right letter."""
    return sample.choice is not None and sample.choice == sample.truth


@PARTS.part
def format(sample: Sample) -> float:
    """1 for thoughts and an answer, each in its tags, and nothing else."""
    return has_format(sample.text)


@PARTS.part
def unreadable(sample: Sample) -> float:
    """1 where no letter of the question can be read."""
    return sample.choice is None


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: dict[str, Any] | None = None,
    *,
    parts: Mapping[str, float] | None = None,
    **weights: float,
) -> dict[str, float]:
    """`extra_info["letters"]` names the letters of this question. Older recipes give the weights without `parts`."""
    if not (paid := {**(parts or {}), **weights}):
        raise ValueError("nothing is paid for; write `parts: {accuracy: 1.0, format: 0.1}` under `reward_kwargs`")
    return combine(PARTS, paid, Sample(solution_str, ground_truth, extra_info))
