"""Samples of shards, read map-style: by number, in any order, from any process."""

import hashlib
import io
import os
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError

from firsthand import files
from firsthand.egoagent.clips import Clips
from firsthand.egoagent.data.cache import Place
from firsthand.egoagent.data.pictures import rgb
from firsthand.egoagent.data.shard_files import DECODED, MANIFEST, Index, Manifest, index_path
from firsthand.errors import UserError, first_problem

OPEN = 32  # shards that a process holds open


class Shards:
    """A folder of shards. Each process opens its own descriptors, as many as it needs at a time."""

    def __init__(self, place: Place, kind: str):
        self.place = place
        self.manifest = _manifest(place)
        if self.manifest.kind != kind:
            raise UserError(f"{place.root}: shards of {self.manifest.kind}, not of {kind}")
        self._opened: OrderedDict[int, tuple[int, Index]] = OrderedDict()
        self._owner = os.getpid()

    @property
    def hash(self) -> str:
        """Of what the manifest says: names, sizes and counts of all shards."""
        return hashlib.sha256(self.manifest.model_dump_json().encode()).hexdigest()

    def members(self, shard: int, sample: int, chosen: slice | None = None) -> list[bytes]:
        """The contents of a sample's members, or of some of them."""
        descriptor, index = self._open(shard)
        spans = index.sample(sample)
        return [self._read(shard, descriptor, *span) for span in (spans[chosen] if chosen else spans)]

    def where(self, shard: int, sample: int) -> str:
        return f"{self.place.root}/{self.manifest.shards[shard].name}: sample {sample}"

    def _read(self, shard: int, descriptor: int, offset: int, size: int) -> bytes:
        content = os.pread(descriptor, size, offset)
        if len(content) != size:
            raise UserError(f"{self.place.root}/{self.manifest.shards[shard].name}: ends early; copy or build it again")
        return content

    def _open(self, shard: int) -> tuple[int, Index]:
        if self._owner != os.getpid():  # after a fork the parent keeps its own
            self._opened, self._owner = OrderedDict(), os.getpid()
        if shard not in self._opened:
            entry = self.manifest.shards[shard]
            index = _index(self.place, entry.name)
            self._opened[shard] = (self.place.open(entry.name, entry.bytes), index)
            if len(self._opened) > OPEN:
                os.close(self._opened.popitem(last=False)[1][0])
        self._opened.move_to_end(shard)
        return self._opened[shard]


def _manifest(place: Place) -> Manifest:
    if not place.remote and not Path(place.root, MANIFEST).exists():
        raise UserError(f"{place.root}: no {MANIFEST}; make shards with: firsthand egoagent shards, and let it end")
    try:
        return Manifest.model_validate(files.loads(place.read(MANIFEST)))
    except (ValidationError, ValueError) as error:
        raise UserError(f"{place.root}/{MANIFEST}: {_why(error)}") from None


def _index(place: Place, name: str) -> Index:
    path = index_path(Path(name))
    try:
        return Index.model_validate(files.loads(place.read(str(path))))
    except (ValidationError, ValueError) as error:
        raise UserError(f"{place.root}/{path}: {_why(error)}; build this shard again") from None


def _why(error: ValidationError | ValueError) -> str:
    return first_problem(error) if isinstance(error, ValidationError) else f"not valid JSON ({error})"


class Images:
    """Decoded images of shards. A process decodes each once where all of them fit into memory; else each time."""

    def __init__(self, shards: Shards, number: int):
        self.shards = shards
        self.shape = (3, shards.manifest.height, shards.manifest.width)
        self.keeps = number * int(np.prod(self.shape)) <= DECODED
        self._kept: dict[tuple[int, int, int], np.ndarray] = {}

    def read(self, shard: int, sample: int, member: int) -> np.ndarray:
        """uint8 [3, height, width], to be copied and not written to."""
        place = (shard, sample, member)
        if (pixels := self._kept.get(place)) is None:
            [content] = self.shards.members(shard, sample, slice(member, member + 1))
            pixels = rgb(content, self.shards.where(shard, sample))
            if pixels.shape != self.shape:
                raise UserError(
                    f"{self.shards.place.root}: an image of {pixels.shape[1:]} where all are {self.shape[1:]}; build "
                    "again"
                )
            if self.keeps:
                self._kept[place] = pixels
        return pixels


class ImageShards:
    def __init__(self, shards: Shards):
        self.shards = shards
        self.counts = [shard.samples for shard in shards.manifest.shards]
        self._images = Images(shards, sum(self.counts))

    def read(self, shard: int, sample: int) -> torch.Tensor:
        """uint8 [3, height, width]."""
        return torch.from_numpy(self._images.read(shard, sample, 0))


class ClipShards:
    """Clips of `steps` steps. A shard's sample is a piece of a take; its clips are counted one after another."""

    def __init__(self, shards: Shards, steps: int):
        longest = shards.manifest.longest
        if not 1 <= steps <= longest:
            raise UserError(f"{shards.place.root}: clips of {steps} steps; these shards have 1 to {longest}")
        self.shards, self.steps = shards, steps
        self._clips = [
            np.clip(np.minimum(shard.starts, np.array(shard.images) - steps), 0, None)
            for shard in shards.manifest.shards
        ]
        if not sum(self.counts):
            raise UserError(f"{shards.place.root}: no run of images is {steps + 1} long; choose fewer steps")
        self._images = Images(shards, sum(sum(shard.images) for shard in shards.manifest.shards))

    @property
    def counts(self) -> list[int]:
        return [int(clips.sum()) for clips in self._clips]

    def start(self, shard: int, clip: int) -> tuple[int, int]:
        """(piece, its image at which the clip starts)."""
        ends = np.cumsum(self._clips[shard])
        piece = int(np.searchsorted(ends, clip, "right"))
        return piece, int(clip - (ends[piece] - self._clips[shard][piece]))

    def facts(self, shard: int, clip: int) -> dict[str, Any]:
        """Take and frame of the first image of a clip, and the step between images."""
        piece, start = self.start(shard, clip)
        [content] = self.shards.members(shard, piece, slice(0, 1))
        meta = files.loads(content)
        return meta | {"frame": meta["first"] + start * meta["every"]}

    def actions(self, shard: int, clip: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Poses of a clip and which joints can be seen, without its images."""
        piece, start = self.start(shard, clip)
        poses, visible = (
            np.load(io.BytesIO(content), allow_pickle=False)[start : start + self.steps]
            for content in self.shards.members(shard, piece, slice(1, 3))
        )
        return torch.from_numpy(poses), torch.from_numpy(visible)

    def read(self, shard: int, clip: int) -> Clips:
        """One clip, without a dimension of clips."""
        piece, start = self.start(shard, clip)
        pixels = np.stack([self._images.read(shard, piece, 3 + start + step) for step in range(self.steps + 1)])
        return Clips(torch.from_numpy(pixels), *self.actions(shard, clip))
