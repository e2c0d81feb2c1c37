"""Reward for multiple-choice questions: the letter in the answer tag, and the shape of the answer.

Every part is returned for every sample under a fixed name, so that a run logs what it is paid for. The weights come
from the recipe (`reward.custom_reward_function.reward_kwargs`). An answer that cannot be read is wrong, not skipped:
`unreadable` counts them.
"""

from typing import Any

from firsthand.answers import extract_choice, has_format


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: dict[str, Any] | None = None,
    *,
    accuracy: float,
    format: float,
) -> dict[str, float]:
    """The weighted score and its parts; `extra_info["letters"]` names the letters of this question."""
    letters = (extra_info or {}).get("letters") or "ABCD"
    choice = extract_choice(solution_str, letters)
    correct = float(choice == ground_truth)
    shape = float(has_format(solution_str))
    return {
        "score": accuracy * correct + format * shape,
        "accuracy": correct,
        "format": shape,
        "unreadable": float(choice is None),
    }
