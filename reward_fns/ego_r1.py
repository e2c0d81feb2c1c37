"""Reward of an agent with tools: the right letter, well-formed turns, few calls, evidence that was really looked at.

It reads the trace that the agent loop hands over (`extra_info["trace"]`), turn by turn, not one decoded string: what
the environment wrote can then never be taken for the model's answer. Every part is returned for every sample under a
fixed name.

`preset` names the constants; `weights` in the recipe overrides them one by one:

- `paper`: 1 for the right letter, else 0.1 for well-formed turns, as Ego-R1 describes its reward.
- `released`: the right letter alone. In Ego-R1's published code the part for the form compares a string that always
  begins with a chat header, so that it is never paid; this preset pays what that code pays, without its reading errors
  (it takes "Apple, so D" for an A and refuses a B between line breaks).
- `firsthand`: `paper` with a little for evidence and for economy, both only when the letter is right.

Evidence is the share of the target times that a record, a stretch of video or a frame touches which a call brought
back. None is what lasts more than `longest` seconds, as in the benchmarks of agents: whoever is told about a whole day
has found nothing in it.
"""

from typing import Any

from firsthand import clock

PRESETS: dict[str, dict[str, float]] = {
    "paper": {"accuracy": 1.0, "format": 0.1, "evidence": 0.0, "economy": 0.0},
    "released": {"accuracy": 1.0, "format": 0.0, "evidence": 0.0, "economy": 0.0},
    "firsthand": {"accuracy": 1.0, "format": 0.1, "evidence": 0.2, "economy": 0.1},
}
CALLS = 8  # calls that leave nothing of the part for economy


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: dict[str, Any],
    *,
    preset: str = "paper",
    weights: dict[str, float] | None = None,
    longest: float = clock.SHOWS,
) -> dict[str, float]:
    if preset not in PRESETS:
        raise ValueError(f"preset {preset!r} is none of {', '.join(PRESETS)}")
    if unknown := set(weights or {}) - set(PRESETS[preset]):
        raise ValueError(f"weights: {', '.join(sorted(unknown))} is none of {', '.join(PRESETS[preset])}")
    weight = {**PRESETS[preset], **(weights or {})}
    trace = extra_info["trace"]
    calls = [turn for turn in trace["turns"] if turn["action"] == "call"]
    correct = float(trace["letter"] is not None and trace["letter"] == ground_truth)
    shape = float(trace["letter"] is not None and all(turn["action"] != "invalid" for turn in trace["turns"]))
    evidence = correct * _share_seen(extra_info.get("target_time"), calls, longest)
    economy = correct * max(0.0, 1 - len(calls) / CALLS)
    return {
        "score": weight["accuracy"] * correct
        + weight["format"] * shape * (1 - correct)
        + weight["evidence"] * evidence
        + weight["economy"] * economy,
        "accuracy": correct,
        "format": shape,
        "evidence": evidence,
        "economy": economy,
        "unreadable": float(trace["letter"] is None),
        "calls": float(len(calls)),
        "invalid_turns": float(sum(turn["action"] == "invalid" for turn in trace["turns"])),
        "tool_faults": float(trace["faults"]),
    }


def _share_seen(target_time: Any, calls: list[dict[str, Any]], longest: float) -> float:
    """Of the target times as a row writes them."""
    if not target_time:
        return 0.0
    targets = clock.target_spans(target_time)
    spans = [span for call in calls for span in call["spans"]] + [(at, at) for call in calls for at in call["images"]]
    return sum(any(clock.shows(span, target, longest) for span in spans) for target in targets) / len(targets)
