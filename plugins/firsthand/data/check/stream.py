"""Rows of a data file one by one, in constant memory, with the number under which an editor finds them.

Row n is the n-th element of a JSON list, the n-th row of a parquet file and the n-th line of a JSONL file. A row that
is no valid JSON comes out as `Broken`, so that one bad line does not hide what is wrong with the others.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import orjson

from firsthand.errors import UserError

CHUNK = 1 << 20
MAX_ROW = 64 << 20  # characters; whatever goes on for longer is a quote that was never closed
SPACE = re.compile(r"\s*")
NEXT = re.compile(r"\s*([,\]])")
OPENING = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[")
BETWEEN = re.compile(rb"\s*,\s*(?=\{)")
GUESSES = 16  # objects in rows, and text that looks like them, may follow one another as rows do
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
                        yield number, _loads(line)
                    except ValueError as error:
                        yield number, Broken(f"not valid JSON ({error})")

    def _list(self) -> Iterator[tuple[int, Any]]:
        """Blocks of whole rows by the fast parser; from the first block that it refuses, row by row."""
        with self.path.open("rb") as handle:
            opening = OPENING.match(handle.read(CHUNK))
            if not opening:
                raise UserError(f"{self.path}: no list of rows; a .json file starts with [ and holds one object a row")
            number, self.done = 0, opening.end()
            while True:
                handle.seek(self.done)
                rows, size = _whole_rows(handle.read(CHUNK), last=handle.tell() == self.total)
                if not size:
                    break
                yield from enumerate(rows, number + 1)
                number, self.done = number + len(rows), self.done + size
                if self.done == self.total:
                    return
            handle.seek(self.done)
            try:
                yield from self._elements(TextIOWrapper(handle, encoding="utf-8"), number)
            except UnicodeDecodeError as error:
                raise UserError(f"{self.path}: not UTF-8 text ({error})") from None

    def _elements(self, handle: TextIOWrapper, number: int) -> Iterator[tuple[int, Any]]:
        """The rows from here on, which follow row `number`."""
        decode, text, at = json.JSONDecoder().raw_decode, handle.read(CHUNK), 0
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
                self.done += len(more.encode())
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


def _loads(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line)  # it reads NaN too, and its errors are the clearer ones


def _whole_rows(block: bytes, last: bool) -> tuple[list[Any], int]:
    """The rows at the beginning of a block, and how many bytes they take with the comma, or the end, after them.

    Where the last of them ends is a guess that parsing proves: no beginning of an object is a whole one.
    """
    if last:
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(b"[" + block), len(block)
    end, guesses = len(block), 0
    while guesses < GUESSES and (end := block.rfind(b"}", 0, end)) >= 0:
        if after := BETWEEN.match(block, end + 1):
            guesses += 1
            with suppress(orjson.JSONDecodeError):
                return orjson.loads(b"[%b]" % block[: end + 1]), after.end()
    return [], 0
