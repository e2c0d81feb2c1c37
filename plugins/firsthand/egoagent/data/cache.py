"""Shards by their place: local files are opened as they lie, others are fetched whole through fsspec into a folder.

The folder holds at most so many bytes; the shards that were opened longest ago make room. Several processes may share
it: a file appears whole or not at all, and one that is open can still be read after it was removed.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from firsthand import files
from firsthand.errors import UserError

GIGABYTE = 2**30


@dataclass(frozen=True)
class Place:
    """A folder of shards: a path, or a URL that fsspec knows (s3://, gs://, hf://, https://, ...)."""

    root: str
    cache: Path | None = None
    most: int = 50 * GIGABYTE  # bytes in the cache

    @property
    def remote(self) -> bool:
        return "://" in self.root

    def read(self, name: str) -> bytes:
        """A small file, past the cache."""
        if not self.remote:
            files.check_regular(Path(self.root) / name)
            return (Path(self.root) / name).read_bytes()
        return self._fetched(name)

    def open(self, name: str, size: int) -> int:
        """A descriptor of a shard that is as long as its index says."""
        path = self._cached(name, size) if self.remote else Path(self.root) / name
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            if self.remote and not path.exists():  # another process made room between fetching and opening
                return self.open(name, size)
            raise UserError(f"{path}: no such shard, though {self.root} lists it; copy it again") from None
        if (found := os.fstat(descriptor).st_size) != size:
            os.close(descriptor)
            raise UserError(
                f"{path}: {found} bytes, but its index says {size}: it is not whole; copy or build it again"
            )
        return descriptor

    def _cached(self, name: str, size: int) -> Path:
        if self.cache is None:
            raise UserError(f"{self.root}: shards that are not on this machine need a folder for the cache")
        path = self.cache / name
        if path.exists():
            os.utime(path)
        else:
            self._make_room(size)
            files.write_bytes(path, self._fetched(name))
        return path

    def _make_room(self, size: int) -> None:
        assert self.cache is not None
        self.cache.mkdir(parents=True, exist_ok=True)
        held = sorted((stat.st_mtime_ns, stat.st_size, path) for path, stat in _stats(self.cache))
        excess = sum(bytes_ for _, bytes_, _ in held) + size - self.most
        for _, bytes_, path in held:
            if excess <= 0:
                break
            path.unlink(missing_ok=True)
            excess -= bytes_

    def _fetched(self, name: str) -> bytes:
        import fsspec

        url = f"{self.root.rstrip('/')}/{name}"
        try:
            with fsspec.open(url, "rb") as handle:
                return handle.read()
        except (OSError, ValueError, ImportError) as error:
            raise UserError(f"{url}: cannot be fetched ({error})") from None


def _stats(folder: Path):
    for path in folder.glob("*.tar"):
        try:
            yield path, path.stat()
        except FileNotFoundError:  # another process was faster
            continue
