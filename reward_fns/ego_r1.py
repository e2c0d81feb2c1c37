"""Reward of an agent with tools: the right letter, well-formed turns, few calls, evidence that was really looked at.

It reads the trace that the agent loop hands over (`extra_info["trace"]`), turn by turn, and never one decoded string:
what the environment wrote can then never be taken for the model's answer.

`preset` names the constants; `parts` in the recipe overrides them one by one:

- `paper`: 1 for the right letter, else 0.1 for well-formed turns, as Ego-R1 describes its reward.
- `released`: the right letter alone. In Ego-R1's published code the part for the form compares a string that always
  begins with a chat header, so it is never paid. This preset pays what that code pays, without its reading errors
  (it takes "Apple, so D" for an A and refuses a B between line breaks).
- `firsthand`: `paper` with a little for evidence and for economy, both only when the letter is right.

Evidence is the share of the target times that are touched by a record, a stretch of video or a frame that a call
brought back. What lasts more than `longest` seconds is not evidence, as in the benchmarks of agents: a record of a
whole day does not show when something happened.
"""

from collections.abc import Mapping
from typing import Any

from firsthand.reward_fns.parts import Parts, Sample, combine

from firsthand import clock

PRESETS: dict[str, dict[str, float]] = {
    "paper": {"accuracy": 1.0, "format": 0.1, "evidence": 0.0, "economy": 0.0},
    "released": {"accuracy": 1.0, "format": 0.0, "evidence": 0.0, "economy": 0.0},
    "firsthand": {"accuracy": 1.0, "format": 0.1, "evidence": 0.2, "economy": 0.1},
}
CALLS = 8  # this number of calls leaves nothing of the part for economy
PARTS = Parts()


@PARTS.part
def accuracy(sample: Sample) -> float:
    """1 for the right letter."""
    return sample.trace.letter is not None and sample.trace.letter == sample.truth


@PARTS.part
def format(sample: Sample) -> float:
    """1 for a letter after well-formed turns only. It is paid where the letter is wrong."""
    return sample.trace.letter is not None and not sample.trace.invalid


@PARTS.part
def evidence(sample: Sample) -> float:
    """With the right letter: the share of the target times that some call showed."""
    if not (target_time := (sample.info or {}).get("target_time")):
        return 0.0
    longest, turns = sample.options.get("longest", clock.SHOWS), sample.trace.calls
    spans = [span for turn in turns for span in turn.spans] + [(at, at) for turn in turns for at in turn.images]
    targets = clock.target_spans(target_time)
    seen = sum(any(clock.shows(span, target, longest) for span in spans) for target in targets)
    return accuracy(sample) * seen / len(targets)


@PARTS.part
def economy(sample: Sample) -> float:
    """With the right letter: less for every call."""
    return accuracy(sample) * max(0.0, 1 - len(sample.trace.calls) / CALLS)


@PARTS.part
def unreadable(sample: Sample) -> float:
    """1 without a letter."""
    return sample.trace.letter is None


@PARTS.part
def calls(sample: Sample) -> float:
    """How many calls there were."""
    return len(sample.trace.calls)


@PARTS.part
def invalid_turns(sample: Sample) -> float:
    """How many turns could not be read."""
    return len(sample.trace.invalid)


@PARTS.part
def tool_faults(sample: Sample) -> float:
    """How many calls failed through the tools alone."""
    return sample.trace.faults


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: dict[str, Any],
    *,
    preset: str = "paper",
    parts: Mapping[str, float] | None = None,
    weights: Mapping[str, float] | None = None,
    longest: float = clock.SHOWS,
) -> dict[str, float]:
    """`weights` is the name that older recipes have for `parts`."""
    if preset not in PRESETS:
        raise ValueError(f"preset {preset!r} is not one of {', '.join(PRESETS)}")
    sample = Sample(solution_str, ground_truth, extra_info, {"longest": longest})
    paid = {**PRESETS[preset], **(weights or {}), **(parts or {})}
    return combine(PARTS, paid | {"format": paid["format"] * (1 - accuracy(sample))}, sample)
