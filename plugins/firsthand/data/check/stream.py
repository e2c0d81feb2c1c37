"""Rows of a data file one by one, in constant memory, with the number under which an editor finds them.

Row n is the n-th element of a JSON list, the n-th row of a parquet file and the n-th line of a JSONL file. A row that
is no valid JSON comes out as `Broken`, so that one bad line does not hide what is wrong with the others.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from firsthand.errors import UserError

CHUNK = 1 << 20
MAX_ROW = 64 << 20  # characters; whatever goes on for longer is a quote that was never closed
SPACE = re.compile(r"\s*")
NEXT = re.compile(r"\s*([,\]])")
EMPTY = re.compile(r"\[\s*\]\s*")
FORMATS = (".json", ".jsonl", ".parquet")


@dataclass(frozen=True)
class Broken:
    why: str


class Rows:
    """`(number, row)` pairs; `done` of `total` says how far the file is read (bytes, or rows of a parquet file)."""

    def __init__(self, path: Path):
        if not path.is_file():
            raise UserError(f"{path}: no such file")
        if path.suffix not in FORMATS:
            raise UserError(f"{path}: `{path.suffix}` is none of {', '.join(FORMATS)}")
        self.path, self.done, self.total = path, 0, path.stat().st_size
        if not self.total:
            raise UserError(f"{path}: the file is empty (0 bytes); write or download it again")

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        if self.path.suffix == ".parquet":
            return self._parquet()
        return self._lines() if self.path.suffix == ".jsonl" or self._is_lines() else self._list()

    def _is_lines(self) -> bool:
        """A .json file with an object on each line, which LLaMA-Factory reads too."""
        with self.path.open("rb") as handle:
            try:
                return isinstance(json.loads(handle.readline()), dict) and bool(handle.read(CHUNK).strip())
            except ValueError:
                return False

    def _lines(self) -> Iterator[tuple[int, Any]]:
        with self.path.open("rb") as handle:
            for number, line in enumerate(handle, 1):
                self.done += len(line)
                if line.strip():
                    try:
                        yield number, json.loads(line)
                    except ValueError as error:
                        yield number, Broken(f"not valid JSON ({error})")

    def _list(self) -> Iterator[tuple[int, Any]]:
        try:
            with self.path.open(encoding="utf-8") as handle:
                yield from self._elements(handle)
        except UnicodeDecodeError as error:
            raise UserError(f"{self.path}: not UTF-8 text ({error})") from None

    def _elements(self, handle: TextIO) -> Iterator[tuple[int, Any]]:
        decode, number, at = json.JSONDecoder().raw_decode, 0, 1
        text = handle.read(CHUNK).lstrip("\ufeff \t\r\n")
        if not text.startswith("["):
            raise UserError(f"{self.path}: not a list of rows; a .json file starts with [ and holds one object a row")
        if EMPTY.fullmatch(text):
            return
        while True:
            at = SPACE.match(text, at).end()  # type: ignore[union-attr]
            try:
                value, end = decode(text, at)
                after = NEXT.match(text, end)
            except ValueError:
                after = None
            if after:
                number += 1
                yield number, value
                if after[1] == "]":
                    return
                at = after.end()
            else:
                more = handle.read(max(CHUNK, len(text)))
                self.done = handle.buffer.tell()
                if not more or len(text) - at > MAX_ROW:
                    yield (
                        number + 1,
                        Broken("no valid JSON from here on: the list breaks off, or a comma or quote is lost"),
                    )
                    return
                text, at = text[at:] + more, 0

    def _parquet(self) -> Iterator[tuple[int, Any]]:
        import pyarrow
        import pyarrow.parquet as parquet

        try:
            file = parquet.ParquetFile(self.path)
            self.total = file.metadata.num_rows
            for batch in file.iter_batches(batch_size=256):
                for row in batch.to_pylist():
                    self.done += 1
                    yield self.done, row
        except (pyarrow.ArrowException, OSError) as error:
            raise UserError(f"{self.path}: not a readable parquet file ({error})") from None
