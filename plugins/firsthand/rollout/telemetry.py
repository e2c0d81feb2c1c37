"""What a training batch says about itself beside its mean score: reward parts, tools, turns, groups without signal.

A rollout whose tools failed, or whose reward is no finite number, is left out of the means of the reward, and out of
the check whether a group has a signal: it trains nothing, and its score was not caused by the model. Metrics of turns
and tools are about all rollouts.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, get_args

import numpy as np

from firsthand.question import options_of
from firsthand.rollout.trace import Stop, Trace
from firsthand.tools.protocol import FAULTS, Status
from firsthand.tools.toolbox import UNKNOWN

FACTS = ("id", "identity", "query_time", "label", "problem_type", "index", "question")
ORDERED = "accuracy"  # the part that other orders of the frames are compared by
MANY_FAULTS = 0.2  # of the rollouts of a step; more of them are worth a warning


def in_order(order: str) -> str:
    """The part of a rollout that says how right the model was on the frames in this order (`Rollout.orders`)."""
    return f"{ORDERED}_{order}"


@dataclass
class Rollout:
    """An episode of training with its reward."""

    key: str  # {question}_{session}_{number}, as veRL names it
    score: float
    parts: dict[str, float]  # NaN where a part could not be measured
    trace: Trace | None = None  # only an agent with tools has one
    facts: dict[str, Any] = field(default_factory=dict)  # about the question, from `facts_of`
    trained: int = 0  # tokens with mask 1: what the model wrote, none of a faulty rollout
    unscored: bool = False  # its reward was NaN or infinite
    text: str = ""  # the response: what the model and, in a run with tools, the environment wrote
    length: int = 0  # its tokens
    cut: bool = False  # it had to end, because it was as long as a response may be
    orders: dict[str, str] = field(default_factory=dict)  # what the model said to the frames in another order

    @property
    def faulty(self) -> bool:
        return self.unscored or bool(self.trace and self.trace.faults)

    @property
    def fault(self) -> str:
        """Why it is faulty."""
        if self.unscored:
            return "the reward is not a finite number"
        failed = [turn for turn in (self.trace.calls if self.trace else []) if turn.status in FAULTS]
        return "; ".join(f"{turn.tool} ended in {turn.status}: {turn.observation}" for turn in failed[-1:])

    def has(self, part: str) -> bool:
        return math.isfinite(self.parts.get(part, math.nan))

    def pay(self, part: str, amount: float) -> None:
        """What a group reward adds to the score, under its own name."""
        self.parts[part] = amount
        self.score += amount

    def check_score(self) -> None:
        """One NaN makes every advantage of its group NaN, and veRL then skips the whole step without an error."""
        if not math.isfinite(self.score):
            self.unscored, self.trained = True, 0

    @property
    def group(self) -> str:
        return group_of(self.key)

    def as_row(self, step: int) -> dict[str, Any]:
        """The turns of an agent are in its trace; its text would hold them again."""
        shown = {"trace": self.trace.model_dump(), "text": ""} if self.trace else {}
        return {"step": step, **vars(self), **shown}


def group_of(key: str) -> str:
    """What the rollouts of one question share."""
    return key.rsplit("_", 2)[0]


def facts_of(info: Mapping[str, Any], truth: Any) -> dict[str, Any]:
    """What the reader of a trace must know of its question (`prompt.verl_row`); rows from elsewhere may lack it."""
    known = {name: info.get(name) for name in FACTS}
    return {**known, "options": options_of(info), "answer": None if truth is None else str(truth)}


def settle_faults(group: list[Rollout]) -> list[Rollout]:
    """A rollout whose tools or reward failed gets the mean score of the others: its advantage is then zero.

    Its mask keeps it out of the loss. But as a member of the group it would narrow the spread by which GRPO divides the
    advantages of the others. No score of one member leaves both the mean and the spread as they are, so the rollouts to
    take out of the group are returned. A single sound rollout keeps the faulty ones in its group: with them its
    advantage is zero, while alone it would be its bare reward.
    """
    sound = [rollout.score for rollout in group if not rollout.faulty]
    faulty = [rollout for rollout in group if rollout.faulty]
    for rollout in faulty:
        rollout.score = fmean(sound) if sound else 0.0
    return faulty if len(sound) > 1 else []


def by_question(rollouts: list[Rollout]) -> list[list[Rollout]]:
    groups: dict[str, list[Rollout]] = defaultdict(list)
    for rollout in rollouts:
        groups[rollout.group].append(rollout)
    return list(groups.values())


def missing(keys: Iterable[str], questions: int) -> int:
    """Rollouts that ended in an error and left nothing, as far as the fullest group tells."""
    sessions = {tuple(key.rsplit("_", 2)[:2]) for key in keys}
    return questions * max(Counter(group for group, _ in sessions).values(), default=0) - len(sessions)


def warning_of(rollouts: list[Rollout]) -> str | None:
    """A run whose tools are overloaded looks healthy: what is left of its batches still learns something."""
    faulty = [rollout for rollout in rollouts if rollout.faulty]
    if len(faulty) <= MANY_FAULTS * len(rollouts):
        return None
    causes = Counter(rollout.fault for rollout in faulty).most_common(1)
    return f"{len(faulty)} of {len(rollouts)} rollouts teach nothing; most often: {causes[0][0]}"


def metrics_of(groups: list[list[Rollout]]) -> dict[str, float]:
    """Means over the batch. A part is averaged over the rollouts that have it. Tools are measured where rollouts have a
    trace, groups where a question was tried more than once, the order of frames where it was changed."""
    rollouts = [rollout for group in groups for rollout in group]
    sound = [rollout for rollout in rollouts if not rollout.faulty]
    metrics = {
        f"reward/{name}": fmean(rollout.parts[name] for rollout in sound if rollout.has(name))
        for name in sorted({name for rollout in sound for name in rollout.parts if rollout.has(name)})
    }
    if tried := [group for group in groups if len(group) > 1]:
        metrics["groups/zero_variance"] = fmean(len({r.score for r in group if not r.faulty}) < 2 for group in tried)
    if traces := [rollout.trace for rollout in rollouts if rollout.trace]:
        metrics |= _tool_metrics(traces)
        metrics["tools/faulty_rollouts"] = fmean(rollout.faulty for rollout in rollouts)
    return metrics | _order_metrics([[rollout for rollout in group if not rollout.faulty] for group in groups])


def kind_of(facts: Mapping[str, Any]) -> str:
    """The kind of a question, by which the use of order is told apart; "all" where the data have no kinds."""
    return str(facts.get("label") or facts.get("problem_type") or "all")


def _order_metrics(groups: list[list[Rollout]]) -> dict[str, float]:
    """How right the model is on frames in their order and in another, and the gap: 0 if it makes no use of it.

    `orders/KIND/ordered`, `orders/KIND/shuffled` and `orders/KIND/gap_shuffled`, over questions asked in both.
    """
    found: dict[str, list[float]] = defaultdict(list)
    for group in groups:
        ordered = [rollout.parts[ORDERED] for rollout in group if rollout.has(ORDERED)]
        if ordered and (others := _other_orders(group)):
            values = {"ordered": fmean(ordered), **others}
            values |= {f"gap_{order}": values["ordered"] - right for order, right in others.items()}
            for kind in {"all", kind_of(group[0].facts)}:
                for name, value in values.items():
                    found[f"orders/{kind}/{name}"].append(value)
    return {name: fmean(values) for name, values in sorted(found.items())}


def _other_orders(group: list[Rollout]) -> dict[str, float]:
    names = sorted({order for rollout in group for order in rollout.orders})
    parts = {name: [r.parts[in_order(name)] for r in group if r.has(in_order(name))] for name in names}
    return {name: fmean(values) for name, values in parts.items() if values}


def _tool_metrics(traces: list[Trace]) -> dict[str, float]:
    calls = [turn for trace in traces for turn in trace.calls]
    executed = [turn for turn in calls if turn.status]
    metrics = {
        "turns/mean": fmean(len(trace.turns) for trace in traces),
        "turns/max": float(max(len(trace.turns) for trace in traces)),
        "turns/invalid": fmean(len(trace.invalid) for trace in traces),
        "tools/calls": len(calls) / len(traces),
        **{f"turns/stop_{stop}": fmean(trace.stop == stop for trace in traces) for stop in get_args(Stop)},
    }
    for status in get_args(Status):
        metrics[f"tools/{status}"] = sum(turn.status == status for turn in executed) / max(1, len(executed))
    waits: dict[str, list[float]] = defaultdict(list)  # each invented name would be a new metric, without end
    for turn in executed:
        waits[UNKNOWN if turn.invented else str(turn.tool)].append(turn.tool_seconds)
    for name, seconds in sorted(waits.items()):
        metrics[f"tools/{name}/calls"] = len(seconds) / len(traces)
        for percent in (50, 95):
            metrics[f"tools/{name}/seconds_p{percent}"] = float(np.percentile(seconds, percent))
    return metrics
