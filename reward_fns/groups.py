"""Group rewards: what is paid because of the other rollouts of the same question. A recipe names them under
`sampler_kwargs.group_rewards`; `training/group_rewards.py` says how, docs/group_rewards.md what they can change.

A preset is the set of constants that somebody published; arguments beside it change them one by one. Who writes a
preset wants the published setting: `firsthand doctor` then does not warn of what it cannot change.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from firsthand.errors import UserError
from firsthand.rollout.telemetry import ORDERED, Rollout, in_order

Group = list[Rollout]
Constants = Mapping[str, float]

TEMPORAL = {"paper": {"bonus": 0.3, "margin": 0.8, "right": 0.1}}  # Video-R1
LENGTH = {"paper": {"shortest": 320, "longest": 512, "bonus": 0.2, "right": 0.1}}  # Video-R1
SCARCITY = {  # Ego3S: what its README says, what its code does, and the README's constants where they can act
    "paper": {"height": 1.1, "weight": 1.0, "free": 5, "list_weight": 0.5},
    "released": {"height": 1.1, "weight": 0.8, "free": 8, "list_weight": 0.025},
    "apart": {"height": 1.1, "weight": 1.0, "free": 5, "list_weight": 0.5},
}
EPSILON = 1e-6  # veRL's


def of_preset(presets: Mapping[str, Constants], preset: str, changed: Mapping[str, float | None]) -> dict[str, float]:
    if preset not in presets:
        raise UserError(f"preset {preset!r} is not one of {', '.join(presets)}")
    return {**presets[preset], **{name: value for name, value in changed.items() if value is not None}}


def measured(group: Group, reward: str, *parts: str) -> Group:
    """The rollouts of which these parts are known. A part that none of them has is a mistake in the recipe."""
    for part in parts:
        if not any(part in rollout.parts for rollout in group):
            has = ", ".join(group[0].parts)
            raise UserError(f"group reward `{reward}`: the reward function has no part `{part}`; it has {has}")
    return [rollout for rollout in group if all(map(rollout.has, parts))]


def temporal(
    group: Group,
    *,
    preset: str = "paper",
    bonus: float | None = None,
    margin: float | None = None,
    right: float | None = None,
    against: str = "shuffled",
) -> None:
    """T-GRPO: if the model is at least `margin` times as right on ordered frames as on others, each right rollout is
    paid. A question without a video, or with one frame, has nothing to compare and is left alone."""
    is_ = of_preset(TEMPORAL, preset, {"bonus": bonus, "margin": margin, "right": right})
    others = [rollout.parts[in_order(against)] for rollout in group if rollout.has(in_order(against))]
    ordered = measured(group, "temporal", ORDERED)
    if not (others and ordered):
        return
    held = fmean(rollout.parts[ORDERED] for rollout in ordered) >= is_["margin"] * fmean(others)
    for rollout in ordered:
        rollout.pay("temporal", is_["bonus"] * (held and rollout.parts[ORDERED] > is_["right"]))
        rollout.parts["temporal_held"] = float(held)


def length(
    group: Group,
    *,
    preset: str = "paper",
    shortest: float | None = None,
    longest: float | None = None,
    bonus: float | None = None,
    right: float | None = None,
) -> None:
    """Video-R1: if more than one rollout is right, the right ones of a certain length are paid a bonus."""
    changed = {"shortest": shortest, "longest": longest, "bonus": bonus, "right": right}
    is_ = of_preset(LENGTH, preset, changed)
    known = measured(group, "length", ORDERED)
    correct = [rollout.parts[ORDERED] > is_["right"] for rollout in known]
    for rollout, true in zip(known, correct, strict=True):
        fits = is_["shortest"] <= rollout.length <= is_["longest"]
        rollout.pay("length_bonus", is_["bonus"] * (true and fits and sum(correct) > 1))


def overlong(group: Group, *, longest: int, buffer: float = 0.2, factor: float = 1.0) -> None:
    """DAPO: the last tokens before the longest possible response cost more and more, `factor` at its end. `buffer` is
    their number or, below 1, their share."""
    tokens = buffer * longest if buffer < 1 else buffer
    for rollout in group:
        rollout.pay("overlong", -factor * max(0.0, rollout.length - (longest - tokens)) / tokens)


def scarcity(
    group: Group,
    *,
    preset: str = "paper",
    height: float | None = None,
    weight: float | None = None,
    free: float | None = None,
    list_weight: float | None = None,
) -> None:
    """Ego3S: a grounded rollout (part `grounded`) is paid more if few are. More than `free` named objects (part
    `objects`) cost, so that a list of everything does not pay.

    `apart` divides the score so far by its own spread in the group, and this payment by none: it goes with
    `norm_adv_by_std_in_grpo: false`. Divided together, as published, `height` is lost where all are equally right."""
    changed = {"height": height, "weight": weight, "free": free, "list_weight": list_weight}
    is_ = of_preset(SCARCITY, preset, changed)
    if preset == "apart":
        for rollout, value in zip(group, standardised([rollout.score for rollout in group]), strict=True):
            rollout.score = rollout.parts["apart"] = value
    if known := measured(group, "scarcity", "grounded", "objects"):
        share = fmean(rollout.parts["grounded"] for rollout in known)
        for rollout in known:
            rollout.pay("scarcity", is_["weight"] * max(0.0, is_["height"] - share) * rollout.parts["grounded"])
            rollout.pay("object_list", is_["list_weight"] * min(0.0, is_["free"] - rollout.parts["objects"]))


def per_part(group: Group, *, parts: Constants) -> None:
    """The score becomes a sum of parts that are each made relative to the group first: (part - mean) / std, times its
    weight. Rollouts whose parts differ but whose sums do not are still told apart. A part that is constant gives 0."""
    known = measured(group, "per_part", *parts)
    for rollout in group:  # without all parts one cannot be compared, and is masked
        rollout.score = 0.0 if all(map(rollout.has, parts)) else math.nan
    for name, weight in parts.items():
        values = standardised([rollout.parts[name] for rollout in known])
        for rollout, value in zip(known, values, strict=True):
            rollout.score += weight * value
    for rollout in known:
        rollout.parts["per_part"] = rollout.score


def standardised(values: Sequence[float]) -> list[float]:
    if len(set(values)) < 2:
        return [0.0] * len(values)
    mean, spread = fmean(values), stdev(values)
    return [(value - mean) / (spread + EPSILON) for value in values]


class RunningStd:
    """EMA-GRPO: the scores of a kind of question are divided by the spread that its scores have had lately. Kinds whose
    rewards are small or rarely differ then weigh as much as the others, and a group in which nearly all are right
    weighs less than one that is divided by its own spread. Use it with `norm_adv_by_std_in_grpo: false`.

    First and second moment of each kind are running means over the steps, corrected for their start at zero.
    """

    def __init__(self, *, by: str = "label", decay: float = 0.99):
        self.by, self.decay = by, decay
        self.moments: dict[str, list[float]] = {}  # kind -> its steps, first and second moment

    def __call__(self, groups: list[Group]) -> None:
        kinds: dict[str, Group] = {}
        for rollout in (rollout for group in groups for rollout in group):
            kinds.setdefault(self._kind(rollout), []).append(rollout)
        for kind, rollouts in kinds.items():
            spread = self._seen(kind, [rollout.score for rollout in rollouts])
            for rollout in rollouts:
                rollout.parts["running_std"] = spread
                rollout.score /= spread + EPSILON if spread else 1.0

    def _kind(self, rollout: Rollout) -> str:
        if (kind := rollout.facts.get(self.by)) is None:
            raise UserError(f"group reward `running_std`: row {rollout.facts.get('id')} has no extra_info.{self.by}")
        return str(kind)

    def _seen(self, kind: str, scores: list[float]) -> float:
        """The spread after these scores."""
        steps, first, second = self.moments.get(kind, [0, 0.0, 0.0])
        first, second = (
            self.decay * old + (1 - self.decay) * fmean(score**power for score in scores)
            for power, old in ((1, first), (2, second))
        )
        self.moments[kind] = [steps + 1, first, second]
        begun = 1 - self.decay ** (steps + 1)
        return max(0.0, second / begun - (first / begun) ** 2) ** 0.5

    def state(self) -> dict[str, Any]:
        return {"by": self.by, "decay": self.decay, "moments": self.moments}

    def resume(self, state: Mapping[str, Any]) -> None:
        self.moments = {kind: list(moments) for kind, moments in state["moments"].items()}


running_std = RunningStd
