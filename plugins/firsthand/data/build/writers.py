"""Rows on their way to disk, one by one: JSONL for LLaMA-Factory and evaluation, parquet for veRL.

Nothing is kept in memory but a batch. A file appears under its name when it is complete.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from firsthand import files

BATCH = 4096  # rows of a row group
MEDIA = ("images", "videos")
TYPED_BY = 5 << 20  # bytes; the `datasets` library takes the types of columns from the first ten megabytes


class Line(NamedTuple):
    text: bytes
    media: tuple[str, ...]  # which of `MEDIA` the row has


class Writer(Protocol):
    rows: int

    def add(self, packed: Any) -> None:
        """Rows, in the form that `pack` gives them."""


def pack(name: str, rows: list[dict[str, Any]], video_files: bool = False) -> Any:
    """Rows in the form that their file takes, lines or columns: they become so before they pass between processes.

    Videos are all files or all lists of frames, so that their column has one type.
    """
    if not name.endswith(".parquet"):
        return [
            Line(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE), tuple(key for key in MEDIA if row.get(key)))
            for row in rows
        ]
    return pa.RecordBatch.from_pylist(rows, _schema(list(rows[0]["extra_info"]), video_files))


def without(packed: Any, places: list[int]) -> Any:
    """`packed` less the rows at these places."""
    places = [place for place in range(len(packed)) if place not in places]
    return (
        [packed[place] for place in places] if isinstance(packed, list) else packed.take(pa.array(places, pa.int64()))
    )


class _Lines:
    """The first row with images and the first with videos are moved to the beginning where they come late: a column
    that is empty as long as `datasets` looks for its type may not be filled later."""

    def __init__(self, handle: BinaryIO) -> None:
        self.handle, self.rows, self.bytes = handle, 0, 0
        self.ahead, self.unseen = b"", set(MEDIA)

    def add(self, packed: list[Line]) -> None:
        for text, media in packed:
            new = self.unseen.intersection(media)
            self.unseen -= new
            if new and self.bytes > TYPED_BY:
                self.ahead += text
            else:
                self.handle.write(text)
            self.rows += 1
            self.bytes += len(text)


@contextmanager
def lines(path: Path) -> Iterator[Writer]:
    with files.replacing(path) as partial:
        with partial.open("wb") as handle:
            writer = _Lines(handle)
            yield writer
        if writer.ahead:
            rest = partial.rename(partial.with_suffix(".rest"))
            with partial.open("wb") as handle, rest.open("rb") as source:
                handle.write(writer.ahead)
                shutil.copyfileobj(source, handle, 1 << 20)
            rest.unlink()


class _Table:
    def __init__(self, path: Path) -> None:
        self.path, self.rows, self.waiting = path, 0, list[pa.RecordBatch]()
        self.file: pq.ParquetWriter | None = None

    def add(self, packed: pa.RecordBatch) -> None:
        self.file = self.file or pq.ParquetWriter(self.path, packed.schema)
        if packed.schema != self.file.schema:
            packed = pa.RecordBatch.from_pylist(packed.to_pylist(), self.file.schema)
        self.rows += len(packed)
        self.waiting.append(packed)
        if sum(map(len, self.waiting)) >= BATCH:
            self.flush(BATCH)

    def flush(self, group: int = 1) -> None:
        """Writes whole groups of what waits."""
        if self.file and self.waiting:
            table = pa.Table.from_batches(self.waiting)
            whole = len(table) // group * group
            self.file.write_table(table.slice(0, whole), row_group_size=BATCH)
            self.waiting = table.slice(whole).to_batches()


@contextmanager
def table(path: Path) -> Iterator[Writer]:
    """veRL's rows."""
    pa.array([None])  # imports pandas, once and not in every worker
    with files.replacing(path) as partial:
        writer = _Table(partial)
        try:
            yield writer
            writer.flush()
        finally:
            if writer.file:
                writer.file.close()


def _schema(extra: list[str], video_files: bool) -> pa.Schema:
    text, texts = pa.string(), pa.list_(pa.string())
    frames = {"video": texts, "sample_fps": pa.float64(), "raw_fps": pa.float64()}
    facts = {key: text for key in extra} | {"index": pa.int64(), "choices": texts}
    return pa.schema(
        {
            "data_source": text,
            "prompt": pa.list_(pa.struct({"role": text, "content": text})),
            "images": texts,
            "videos": pa.list_(pa.struct({"video": text} if video_files else frames)),
            "ability": text,
            "reward_model": pa.struct({"style": text, "ground_truth": text}),
            "extra_info": pa.struct(facts),
            "agent_name": text,
        }
    )
