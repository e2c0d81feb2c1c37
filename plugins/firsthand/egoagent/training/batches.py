"""What a run reads, as a pure function of (seed, step, rank): nothing about data has to be saved to resume exactly.

A stream is endless. Its sample at position p is sample p mod N of a seeded permutation, a new one every epoch.
Micro-batch s of rank r takes the positions from (s * ranks + r) * batch on, so one rank with two micro-batches a step
reads what two ranks with one read. `p` is also the sample's draw: whatever is random about it comes from (seed, draw).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from firsthand.egoagent.clips import Clips


class Batches(Protocol):
    """Both streams of a run; each is read with `next`, from micro-batch `start` on."""

    def images(self, start: int, rank: int, ranks: int) -> Iterator[tuple[Tensor, Tensor]]:
        """uint8 [batch, 3, height, width] and their draws, int64 [batch]."""
        ...

    def clips(self, start: int, rank: int, ranks: int) -> Iterator[tuple[Clips, Tensor]]:
        """A batch of clips and their draws."""
        ...

    def facts(self) -> dict[str, Any]:
        """What the manifest of the run says of the data: where they are, how many, a hash of them."""
        ...


@dataclass(frozen=True)
class Order:
    """Which samples a micro-batch has."""

    samples: int
    batch: int
    seed: int

    def positions(self, micro_batch: int, rank: int, ranks: int) -> range:
        first = (micro_batch * ranks + rank) * self.batch
        return range(first, first + self.batch)

    def sample(self, position: int) -> int:
        epoch, place = divmod(position, self.samples)
        return _permutation(self.samples, self.seed, epoch)[place]


@lru_cache(maxsize=4)
def _permutation(samples: int, seed: int, epoch: int) -> list[int]:
    order: list[int] = np.random.default_rng([seed, epoch]).permutation(samples).tolist()
    return order


@dataclass(frozen=True)
class InMemory:
    """Batches of tensors that fit into memory: tests, benchmarks, the toy world."""

    pixels: Tensor  # uint8 [images, 3, height, width]
    all_clips: Clips | None
    image_batch: int
    clip_batch: int
    seed: int

    def images(self, start: int, rank: int, ranks: int) -> Iterator[tuple[Tensor, Tensor]]:
        for chosen, draws in _chosen(Order(len(self.pixels), self.image_batch, self.seed), start, rank, ranks):
            yield self.pixels[chosen], draws

    def clips(self, start: int, rank: int, ranks: int) -> Iterator[tuple[Clips, Tensor]]:
        clips = self.all_clips
        assert clips is not None, "stage 1 has no clips"
        for chosen, draws in _chosen(Order(len(clips.images), self.clip_batch, self.seed + 1), start, rank, ranks):
            yield Clips(clips.images[chosen], clips.poses[chosen], clips.visible[chosen]), draws

    def facts(self) -> dict[str, Any]:
        return {"images": len(self.pixels), "clips": 0 if self.all_clips is None else len(self.all_clips.images)}


def _chosen(order: Order, start: int, rank: int, ranks: int) -> Iterator[tuple[Tensor, Tensor]]:
    for micro_batch in count(start):
        positions = order.positions(micro_batch, rank, ranks)
        yield torch.tensor([order.sample(position) for position in positions]), torch.tensor(positions)
