"""The clips of an evaluation: one after another and without overlap, so that no frame is judged twice."""

from dataclasses import dataclass
from typing import Any

from firsthand.egoagent.clips import Clips
from firsthand.egoagent.data.batches import stacked
from firsthand.egoagent.data.read_shards import ClipShards


@dataclass(frozen=True)
class ClipSet:
    clips: Clips
    facts: list[dict[str, Any]]  # of each clip: take_name, frame, every, poses

    @property
    def takes(self) -> list[str]:
        return [fact["take_name"] for fact in self.facts]


def read_clips(shards: ClipShards, most: int) -> ClipSet:
    """Up to `most` clips, spread over all of the set."""
    chosen = [
        (shard, clip)
        for shard, count in enumerate(shards.counts)
        for clip in range(count)
        if shards.start(shard, clip)[1] % shards.steps == 0
    ]
    chosen = [chosen[number * len(chosen) // most] for number in range(most)] if most < len(chosen) else chosen
    return ClipSet(stacked(tuple(shards.read(*one) for one in chosen)), [shards.facts(*one) for one in chosen])
