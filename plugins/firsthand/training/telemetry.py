"""What a training batch says about itself beside its mean score: reward parts, tools, turns, groups without signal.

A rollout whose tools failed is left out of the means of the reward and of the question whether a group has a signal: it
trains nothing, and what it scored is nobody's merit. Metrics of turns and tools are about all.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any, get_args

import numpy as np

from firsthand.rollout.agent import Stop
from firsthand.tools.protocol import Status
from firsthand.tools.toolbox import UNKNOWN


@dataclass
class Rollout:
    key: str
    score: float
    parts: dict[str, float]
    trace: dict[str, Any] | None = None  # of an agent with tools (rollout.agent.Trace)
    facts: dict[str, Any] = field(default_factory=dict)  # of the row, by `facts_of`
    trained: int = 0  # tokens with mask 1: what the model wrote, none of a faulty rollout

    @property
    def faulty(self) -> bool:
        return bool(self.trace and self.trace["faults"])

    def as_row(self, step: int) -> dict[str, Any]:
        return {"step": step, **asdict(self)}


def facts_of(info: Mapping[str, Any], truth: Any) -> dict[str, Any]:
    """What the reader of a trace must know of its row (`prompt.verl_row`): what was asked, of whom, when, and what is
    right. Rows of others may lack any of it."""
    known = {name: info.get(name) for name in ("id", "identity", "query_time", "label", "index", "question")}
    letters, choices = info.get("letters") or "", info.get("choices")
    options = dict(zip(letters, map(str, () if choices is None else choices), strict=False))
    return {**known, "options": options, "answer": None if truth is None else str(truth)}


def settle_faults(group: list[Rollout]) -> list[Rollout]:
    """A rollout whose tools failed is worth what the others are on average: its advantage is nothing.

    Its mask keeps it out of the loss, but as a member of the group it would narrow the spread that GRPO divides the
    others' advantages by. No score of a single one leaves both the mean and the spread as they are, so that the ones to
    take out of the group are returned. A lone sound rollout keeps them: with them its advantage is nothing, while alone
    it would be its bare reward.
    """
    sound = [rollout.score for rollout in group if not rollout.faulty]
    faulty = [rollout for rollout in group if rollout.faulty]
    for rollout in faulty:
        rollout.score = fmean(sound) if sound else 0.0
    return faulty if len(sound) > 1 else []


def metrics_of(groups: list[list[Rollout]]) -> dict[str, float]:
    """Means over the batch under fixed names; those of tools only where trajectories have a trace, that of groups only
    where a question was tried more than once."""
    rollouts = [rollout for group in groups for rollout in group]
    sound = [rollout for rollout in rollouts if not rollout.faulty]
    metrics = {
        f"reward/{name}": fmean(rollout.parts[name] for rollout in sound if name in rollout.parts)
        for name in sorted({name for rollout in sound for name in rollout.parts})
    }
    if tried := [group for group in groups if len(group) > 1]:
        metrics["groups/zero_variance"] = fmean(len({r.score for r in group if not r.faulty}) < 2 for group in tried)
    traces = [rollout.trace for rollout in rollouts if rollout.trace]
    if traces:
        metrics |= _tool_metrics(traces)
        metrics["tools/faulty_rollouts"] = float(np.mean([rollout.faulty for rollout in rollouts]))
    return metrics


def _tool_metrics(traces: list[dict[str, Any]]) -> dict[str, float]:
    calls = [turn for trace in traces for turn in trace["turns"] if turn["action"] == "call"]
    metrics = {
        "turns/mean": float(np.mean([len(trace["turns"]) for trace in traces])),
        "turns/max": float(max(len(trace["turns"]) for trace in traces)),
        "turns/invalid": float(np.mean([sum(t["action"] == "invalid" for t in trace["turns"]) for trace in traces])),
        "tools/calls": len(calls) / len(traces),
    }
    for stop in get_args(Stop):
        metrics[f"turns/stop_{stop}"] = sum(trace["stop"] == stop for trace in traces) / len(traces)
    executed = [turn for turn in calls if turn["status"]]
    for status in get_args(Status):
        metrics[f"tools/{status}"] = sum(turn["status"] == status for turn in executed) / max(1, len(executed))
    waits: dict[str, list[float]] = defaultdict(list)  # names that a model invents would be new metrics without end
    for turn in executed:
        waits[UNKNOWN if turn.get("invented") else turn["tool"]].append(turn["tool_seconds"])
    for name, seconds in sorted(waits.items()):
        metrics[f"tools/{name}/calls"] = len(seconds) / len(traces)
        metrics[f"tools/{name}/seconds_p50"], metrics[f"tools/{name}/seconds_p95"] = np.percentile(seconds, [50, 95])
    return {name: float(value) for name, value in metrics.items()}
