"""Ego3S's evolving curriculum (ECR): has the policy stopped changing on its probes?

The paper compares the variance of the rewards of each probe between two probings, n steps apart, and updates the data
when the share S of unchanged ones exceeds lambda_s. It has no code. Ours, reconstructed: variances of real rewards are
never equal, so they count as unchanged within `epsilon`; a probe that stays always right or always wrong is unchanged.
Between two updates lie at least `rest` steps, and none falls into the last `tail` of the training.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from pydantic import Field

from firsthand.tools.settings import Strict

Rewards = Mapping[str, Sequence[float]]  # probe -> what its rollouts were worth


class StagnationRules(Strict):
    share: float = Field(default=0.6, ge=0, le=1)  # lambda_s
    epsilon: float = Field(default=1e-6, ge=0)  # for right or wrong; 0.02 for answers that are paid in parts
    rest: int = Field(default=200, ge=0)  # steps
    tail: float = Field(default=0.1, ge=0, lt=1)


def variance(rewards: Sequence[float]) -> float:
    """Of all rollouts: M right or wrong ones have c (M - c) / M²."""
    mean = fmean(rewards)
    return fmean((reward - mean) ** 2 for reward in rewards)


class Stagnation:
    """A gate that says when the data are due to change."""

    def __init__(self, rules: StagnationRules, total_steps: int) -> None:
        self.rules, self.total_steps = rules, total_steps
        self.variances: dict[str, float] = {}  # of the last probing
        self.history: list[dict[str, float]] = []  # step, stagnation, accuracy, probes
        self.changed_at: int | None = None  # the step of the last update

    @property
    def stagnation(self) -> float | None:
        """S, once there are two probings."""
        return self.history[-1].get("stagnation") if self.history else None

    def observe(self, step: int, rewards: Rewards) -> None:
        """A probing. Probes without rollouts, because a server failed, are left out of S."""
        found = {id: variance(values) for id, values in rewards.items() if values}
        both = found.keys() & self.variances.keys()
        seen: dict[str, float] = {"step": step, "probes": len(found)}
        if found:
            seen["accuracy"] = fmean(fmean(values) for values in rewards.values() if values)
            seen["variance"] = fmean(found.values())
        if both:
            seen["stagnation"] = fmean(abs(found[id] - self.variances[id]) <= self.rules.epsilon for id in both)
        self.variances |= found
        self.history.append(seen)

    def admit(self, step: int) -> bool:
        """Whether the data change now."""
        if self.stagnation is None or self.stagnation <= self.rules.share:
            return False
        if self.changed_at is not None and step - self.changed_at < self.rules.rest:
            return False
        return step < self.total_steps * (1 - self.rules.tail)

    def change(self, step: int) -> None:
        self.changed_at = step

    def metrics(self) -> dict[str, float]:
        last = self.history[-1] if self.history else {}
        return {f"curriculum/{name}": value for name, value in last.items() if name != "step"}

    def state(self) -> dict[str, Any]:
        return {"variances": self.variances, "history": self.history, "changed_at": self.changed_at}

    def resume(self, state: Mapping[str, Any]) -> None:
        self.variances, self.history = dict(state["variances"]), list(state["history"])
        self.changed_at = state["changed_at"]
