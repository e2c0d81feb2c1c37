"""Batches out of shards for the trainer: a pure function of (seed, micro-batch, rank), however many workers read."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from firsthand.egoagent.clips import Clips
from firsthand.egoagent.data.cache import GIGABYTE, Place
from firsthand.egoagent.data.order import ShardOrder
from firsthand.egoagent.data.read_shards import ClipShards, ImageShards, Shards
from firsthand.egoagent.training.batches import Order
from firsthand.egoagent.training.settings import Data, Recipe


@dataclass(frozen=True)
class ShardBatches:
    """Both streams of a run. Where stage 1 has no clips, `clip_shards` is None."""

    image_shards: ImageShards
    clip_shards: ClipShards | None
    image_batch: int
    clip_batch: int
    seed: int
    workers: int = 0

    def images(self, start: int, rank: int, ranks: int) -> Iterator[tuple[Tensor, Tensor]]:
        return self._loaded(self.image_shards, torch.stack, self.image_batch, self.seed, (start, rank, ranks))

    def clips(self, start: int, rank: int, ranks: int) -> Iterator[tuple[Clips, Tensor]]:
        assert self.clip_shards is not None, "stage 1 has no clips"
        return self._loaded(self.clip_shards, stacked, self.clip_batch, self.seed + 1, (start, rank, ranks))

    def facts(self) -> dict[str, Any]:
        return {"images": _facts(self.image_shards), "clips": self.clip_shards and _facts(self.clip_shards)}

    def _loaded(
        self, shards: ImageShards | ClipShards, together: Callable, batch: int, seed: int, at: tuple[int, int, int]
    ) -> Iterator[Any]:
        def collated(samples: list[tuple[Any, int]]) -> tuple[Any, Tensor]:
            read, draws = zip(*samples, strict=True)
            return together(read), torch.tensor(draws)

        start, rank, ranks = at
        order = ShardOrder(shards.counts, seed)
        loader = DataLoader(
            _Samples(order, shards.read),
            batch_sampler=_places(start, Order(order.samples, batch, seed), rank, ranks),
            num_workers=self.workers,
            collate_fn=collated,
            generator=torch.Generator(),  # else it would draw its workers' seeds from the trainer's generator
        )
        return iter(loader)


def _facts(kind: ImageShards | ClipShards) -> dict[str, Any]:
    return {"shards": kind.shards.place.root, "samples": sum(kind.counts), "hash": kind.shards.hash}


def open_batches(recipe: Recipe) -> ShardBatches:
    data, batch = recipe.data, recipe.batch
    images = ImageShards(Shards(_place(data, data.images), "images"))
    clips = (
        ClipShards(Shards(_place(data, data.clips), "clips"), data.clip_steps) if recipe.joint and data.clips else None
    )
    return ShardBatches(images, clips, batch.images, batch.clips, recipe.seed, recipe.machine.workers)


def _place(data: Data, root: str) -> Place:
    """Shards of both kinds have the same names, so each folder has its own part of the cache."""
    part = hashlib.sha256(root.encode()).hexdigest()[:12]
    return Place(root, Path(data.cache, part) if data.cache else None, int(data.cache_gigabytes * GIGABYTE / 2))


def open_images(root: str) -> ImageShards:
    return ImageShards(Shards(Place(root), "images"))


def open_clips(root: str, steps: int) -> ClipShards:
    return ClipShards(Shards(Place(root), "clips"), steps)


def stacked(clips: tuple[Clips, ...]) -> Clips:
    fields = ([getattr(clip, name) for clip in clips] for name in ("images", "poses", "visible"))
    return Clips(*map(torch.stack, fields))


@dataclass(frozen=True)
class _Samples(Dataset):
    order: ShardOrder
    read: Callable[[int, int], Any]

    def __getitem__(self, position: int) -> tuple[Any, int]:
        return self.read(*self.order.sample(position)), position


def _places(start: int, order: Order, rank: int, ranks: int) -> Iterator[range]:
    for micro_batch in count(start):
        yield order.positions(micro_batch, rank, ranks)
