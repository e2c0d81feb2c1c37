"""What a training batch says about itself beside its mean score: reward parts, tools, turns, groups without signal."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np


@dataclass
class Rollout:
    key: str
    score: float
    parts: dict[str, float]
    trace: dict[str, Any] | None = None  # of an agent with tools (rollout.agent.Trace)
    facts: dict[str, Any] = field(default_factory=dict)  # of the row: id, identity, query time, label
    trained: int = 0  # tokens with mask 1: what the model wrote, none of a faulty rollout

    @property
    def faulty(self) -> bool:
        return bool(self.trace and self.trace["faults"])

    def as_row(self, step: int) -> dict[str, Any]:
        return {"step": step, **asdict(self)}


def settle_faults(group: list[Rollout]) -> None:
    """A rollout whose tools failed is worth what the others are on average: its advantage is nothing."""
    sound = [rollout.score for rollout in group if not rollout.faulty]
    for rollout in group:
        if rollout.faulty:
            rollout.score = float(np.mean(sound)) if sound else 0.0


def metrics_of(groups: list[list[Rollout]]) -> dict[str, float]:
    """Means over the batch under fixed names; those of tools only where trajectories have a trace."""
    rollouts = [rollout for group in groups for rollout in group]
    metrics = {
        f"reward/{name}": float(np.mean([rollout.parts[name] for rollout in rollouts if name in rollout.parts]))
        for name in sorted({name for rollout in rollouts for name in rollout.parts})
    }
    metrics["groups/zero_variance"] = float(np.mean([len({r.score for r in group}) == 1 for group in groups]))
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
    for stop, count in Counter(trace["stop"] for trace in traces).items():
        metrics[f"turns/stop_{stop}"] = count / len(traces)
    executed = [turn for turn in calls if turn["status"]]
    for status, count in Counter(turn["status"] for turn in executed).items():
        metrics[f"tools/{status}"] = count / len(executed)
    for name in sorted({turn["tool"] for turn in executed}):
        seconds = [turn["tool_seconds"] for turn in executed if turn["tool"] == name]
        metrics[f"tools/{name}/calls"] = len(seconds) / len(traces)
        metrics[f"tools/{name}/seconds_p50"], metrics[f"tools/{name}/seconds_p95"] = np.percentile(seconds, [50, 95])
    return {name: float(value) for name, value in metrics.items()}
