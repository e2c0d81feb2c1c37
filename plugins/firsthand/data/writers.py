"""Rows on their way to disk, one by one: JSONL for LLaMA-Factory and evaluation, parquet for veRL.

Nothing is kept in memory but a batch. A file appears under its name when it is complete.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import orjson

from firsthand import files

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH = 4096  # rows of a row group
TYPED_BY = 5 << 20  # bytes; the `datasets` library takes the types of columns from the first ten megabytes


class Writer(Protocol):
    rows: int

    def add(self, row: dict[str, Any]) -> None: ...


class _Lines:
    """The first rows with images and with videos stand near the beginning, or moved there: a column that is empty as
    long as `datasets` looks for its type may not be filled later."""

    def __init__(self, handle: BinaryIO) -> None:
        self.handle, self.rows, self.bytes = handle, 0, 0
        self.ahead, self.unseen = b"", {"images", "videos"}

    def add(self, row: dict[str, Any]) -> None:
        line = orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        new = {key for key in self.unseen if row.get(key)} if self.unseen else ()
        self.unseen.difference_update(new)
        if new and self.bytes > TYPED_BY:
            self.ahead += line
        else:
            self.handle.write(line)
        self.rows += 1
        self.bytes += len(line)


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
    def __init__(self, path: Path, video_files: bool) -> None:
        self.path, self.video_files, self.rows = path, video_files, 0
        self.batch: list[dict[str, Any]] = []
        self.file: pq.ParquetWriter | None = None

    def add(self, row: dict[str, Any]) -> None:
        self.rows += 1
        self.batch.append(row)
        if len(self.batch) == BATCH:
            self.flush()

    def flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self.file is None:
            labels = list(self.batch[0]["extra_info"]) if self.batch else []
            self.file = pq.ParquetWriter(self.path, _schema(labels, self.video_files))
        if self.batch:
            self.file.write_table(pa.Table.from_pylist(self.batch, self.file.schema))
        self.batch = []


@contextmanager
def table(path: Path, video_files: bool) -> Iterator[Writer]:
    """veRL's rows; videos are all files or all lists of frames, so that their column has one type."""
    with files.replacing(path) as partial:
        writer = _Table(partial, video_files)
        try:
            yield writer
            writer.flush()
        finally:
            if writer.file:
                writer.file.close()


def _schema(extra: list[str], video_files: bool) -> "pa.Schema":
    import pyarrow as pa

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
