"""The clips of an evaluation: one after another and without overlap, so that no frame is judged twice."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from firsthand.egoagent.clips import Clips
from firsthand.egoagent.data.batches import stacked
from firsthand.egoagent.data.read_shards import ClipShards

Facts = list[dict[str, Any]]  # of each clip: take_name, frame, every, poses


@dataclass(frozen=True)
class ClipSet:
    clips: Clips
    facts: Facts

    @property
    def takes(self) -> list[str]:
        return [fact["take_name"] for fact in self.facts]


@dataclass(frozen=True)
class ActionSet:
    """What baselines learn from: clips without their images."""

    poses: Tensor
    visible: Tensor
    facts: Facts


def read_clips(shards: ClipShards, most: int) -> ClipSet:
    chosen = _apart(shards, most)
    return ClipSet(stacked(tuple(shards.read(*one) for one in chosen)), [shards.facts(*one) for one in chosen])


def read_actions(shards: ClipShards, most: int) -> ActionSet:
    chosen = _apart(shards, most)
    poses, visible = zip(*(shards.actions(*one) for one in chosen), strict=True)
    return ActionSet(torch.stack(poses), torch.stack(visible), [shards.facts(*one) for one in chosen])


def _apart(shards: ClipShards, most: int) -> list[tuple[int, int]]:
    """Up to `most` clips, spread over all of the set."""
    apart = [
        (shard, clip)
        for shard, count in enumerate(shards.counts)
        for clip in range(count)
        if shards.start(shard, clip)[1] % shards.steps == 0
    ]
    return [apart[number * len(apart) // most] for number in range(most)] if most < len(apart) else apart
