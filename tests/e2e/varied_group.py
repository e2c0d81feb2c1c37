"""A group reward that the answers of a model without training differ in: a step then moves its weights."""

from firsthand.rollout.telemetry import Rollout


def varied(group: list[Rollout]) -> None:
    for rollout in group:
        rollout.pay("varied", rollout.length % 7 / 6)
