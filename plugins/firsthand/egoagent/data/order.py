"""In which order shards are read: a pure function of (seed, epoch), that touches few shards at a time.

Shards are permuted, then the samples inside each group of neighbouring shards. A rank that walks this order has at most
one group open, and any position is found without walking there, so a run resumes exactly in the middle of a shard, with
any number of ranks and workers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

GROUP = 16  # shards whose samples are mixed


@dataclass(frozen=True)
class _Epoch:
    number: int
    shards: np.ndarray  # in the order of this epoch
    starts: np.ndarray  # the position in the epoch at which each group begins


class ShardOrder:
    def __init__(self, counts: Sequence[int], seed: int, group: int = GROUP):
        if not sum(counts):
            raise ValueError("an order of no samples")
        self.counts, self.samples = np.array(counts), int(sum(counts))
        self._seed, self._group = seed, group
        self._epoch: _Epoch | None = None  # where the walk is; an order is walked forwards, one epoch after another
        self._open: tuple[int, int, np.ndarray] | None = None

    def sample(self, position: int) -> tuple[int, int]:
        """(shard, sample in it) at a position of the endless order."""
        number, place = divmod(position, self.samples)
        epoch = self._of(number)
        group = int(np.searchsorted(epoch.starts, place, "right")) - 1
        shard, sample = self._mixed(epoch, group)[place - epoch.starts[group]]
        return int(shard), int(sample)

    def _of(self, number: int) -> _Epoch:
        if self._epoch is None or self._epoch.number != number:
            shards = np.random.default_rng([self._seed, number]).permutation(len(self.counts))
            before = np.cumsum(self.counts[shards]) - self.counts[shards]
            self._epoch = _Epoch(number, shards, before[:: self._group])
        return self._epoch

    def _mixed(self, epoch: _Epoch, group: int) -> np.ndarray:
        """int [samples, 2] of one group, mixed."""
        if self._open is None or self._open[:2] != (epoch.number, group):
            shards = epoch.shards[group * self._group : (group + 1) * self._group]
            counts = self.counts[shards]
            within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            rows = np.stack([np.repeat(shards, counts), within], 1)
            mixed = np.random.default_rng([self._seed, epoch.number, group]).permutation(rows)
            self._open = (epoch.number, group, mixed)
        return self._open[2]
