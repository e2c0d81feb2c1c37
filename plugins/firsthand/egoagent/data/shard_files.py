"""A shard: an ordinary WebDataset tar, and beside it an index that says where each member's bytes are.

A sample is a run of members with the same key. Any tool that reads tars reads these; with the index a sample is one
`os.pread` away, in any order.

    shards.json            what the samples are, and every shard with its size; written last
    shard-000000.tar       KEY.jpg and KEY.json, or of a piece of a take KEY.json, KEY.poses.npy, KEY.visible.npy,
                           KEY.000000.jpg, KEY.000001.jpg, ...
    shard-000000.json      {"bytes", "first": of each sample, its first member, "members": [[offset, size], ...]}
"""

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from firsthand import files

MANIFEST = "shards.json"
DECODED = 2**27  # bytes of decoded images that a process keeps of each kind of shard at most
Sample = tuple[str, dict[str, bytes]]  # key, and the content of each ending


class Shard(BaseModel):
    """A line of the manifest; `starts` and `images` are of the pieces in a shard of clips, in order."""

    name: str
    bytes: int
    samples: int
    images: list[int] = []
    starts: list[int] = []


class Manifest(BaseModel):
    format: int = 1
    kind: str  # images or clips
    height: int
    width: int
    every: int = 0  # frames from one image to the next, of clips
    poses: int = 0  # poses between two images, of clips
    joints: int = 0
    longest: int = 0  # steps of the longest clip
    dropped: int = 0  # lines in dropped.jsonl
    shards: list[Shard]


class Index(BaseModel):
    bytes: int
    first: list[int]
    members: list[tuple[int, int]]
    facts: dict[str, Any] = {}  # what the manifest will say of this shard

    def sample(self, number: int) -> list[tuple[int, int]]:
        return self.members[self.first[number] : self.first[number + 1]]


def index_path(shard: Path) -> Path:
    return shard.with_suffix(".json")


def write_shard(path: Path, samples: Iterable[Sample]) -> Index:
    """The tar replaces what was there when it is whole; the caller writes the index, which makes it count."""
    index = Index(bytes=0, first=[0], members=[])
    with files.replacing(path) as tmp, tarfile.open(tmp, "w") as tar:
        for key, members in samples:
            for ending, content in members.items():
                entry = tarfile.TarInfo(f"{key}.{ending}")  # no time and no owner: equal samples are equal bytes
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
                index.members.append((tar.offset - _padded(len(content)), len(content)))
            index.first.append(len(index.members))
    index.bytes = path.stat().st_size
    return index


def _padded(size: int) -> int:
    """Bytes that a content takes in a tar; what is before it may be more than one header, for a long name."""
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
