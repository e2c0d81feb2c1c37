"""Rows of a data file one by one or in pieces, in constant memory, with the number under which an editor finds them.

Row n is the n-th element of a JSON list, the n-th row of a parquet file and the n-th line of a JSONL file. A row that
is not valid JSON comes out as `Broken`, so that one bad line does not hide what is wrong with the others.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import orjson

from firsthand import files
from firsthand.errors import UserError

CHUNK = 1 << 20
BATCH = 256  # rows of a piece that is not text
MAX_ROW = 64 << 20  # characters; whatever goes on for longer is a quote that was never closed
SPACE = re.compile(r"\s*")
NEXT = re.compile(r"\s*([,\]])")
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # half a pair, or a whole one
OPENING = re.compile("\ufeff?\\s*\\[")
FORMATS = (".json", ".jsonl", ".parquet")


@dataclass(frozen=True)
class Broken:
    why: str


NULL = Broken("the row is not a JSON object but null")  # None means another thing: a row that another one holds


@dataclass(frozen=True)
class Piece:
    """`(number, row)` pairs that follow one another: lines as text, for whichever process reads them."""

    first: int  # number of the first line or row
    count: int  # rows
    content: bytes | list[Any]

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        if isinstance(self.content, list):
            rows: Iterator[tuple[int, Any]] = enumerate(self.content, self.first)
        else:
            rows = _parsed(enumerate(self.content.split(b"\n"), self.first))
        return ((number, NULL if row is None else row) for number, row in rows)


class Rows:
    """`(number, row)` pairs; `done` of `total` says how far the file is read (bytes, or rows of a parquet file)."""

    def __init__(self, path: Path):
        files.check_regular(path)
        if path.suffix not in FORMATS:
            raise UserError(f"{path}: `{path.suffix}` cannot be read; choose one of {', '.join(FORMATS)}")
        self.path, self.done, self.total = path, 0, path.stat().st_size
        if not self.total:
            raise UserError(f"{path}: the file is empty (0 bytes); write or download it again")

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        for piece in self.pieces():
            yield from piece

    def pieces(self) -> Iterator[Piece]:
        if self.path.suffix == ".parquet":
            return self._parquet()
        return self._lines() if self.path.suffix == ".jsonl" or self._is_lines() else self._list()

    def _is_lines(self) -> bool:
        """A .json file with an object on each line, which LLaMA-Factory reads too."""
        with self.path.open("rb") as handle:
            try:
                return isinstance(files.loads(handle.readline()), dict) and bool(handle.read(CHUNK).strip())
            except ValueError:
                return False

    def _lines(self) -> Iterator[Piece]:
        number = 1
        with self.path.open("rb") as handle:
            while lines := handle.readlines(CHUNK):
                content = b"".join(lines)
                self.done += len(content)
                yield Piece(number, sum(not line.isspace() for line in lines), content)
                number += len(lines)

    def _list(self) -> Iterator[Piece]:
        try:
            with self.path.open(encoding="utf-8") as handle:
                yield from self._elements(handle)
        except UnicodeDecodeError as error:
            raise UserError(f"{self.path}: not UTF-8 text ({error})") from None

    def _elements(self, handle: TextIOWrapper) -> Iterator[Piece]:
        decode, text, number = json.JSONDecoder(parse_int=_int).raw_decode, handle.read(CHUNK), 1
        self.done = len(text.encode())
        if not (opening := OPENING.match(text)):
            raise UserError(f"{self.path}: not a list of rows; a .json file starts with [ and holds one object per row")
        held: list[Any] = []
        at = opening.end()
        while True:
            at = SPACE.match(text, at).end()  # type: ignore[union-attr]
            if number == 1 and not held and text.startswith("]", at):
                return
            try:
                value, end = decode(text, at)
                value = _storable(value) if SURROGATE.search(text, at, end) else value
            except ValueError:
                end = -1
            except RecursionError:
                value, end = Broken("not valid JSON (it is nested too deeply)"), _end_of(text, at)
            if end >= 0 and (after := NEXT.match(text, end)):
                held.append(value)
                if after[1] == "]":
                    break
                if len(held) == BATCH:
                    yield Piece(number, BATCH, held)
                    number, held = number + BATCH, []
                at = after.end()
            else:
                more = handle.read(max(CHUNK, len(text)))
                self.done += len(more.encode())
                if not more or len(text) - at > MAX_ROW:
                    held.append(Broken("no valid JSON from here on: the list breaks off, or a comma or quote is lost"))
                    break
                text, at = text[at:] + more, 0
        yield Piece(number, len(held), held)

    def _parquet(self) -> Iterator[Piece]:
        import pyarrow
        import pyarrow.parquet as parquet

        try:
            file = parquet.ParquetFile(self.path)
            self.total = file.metadata.num_rows
            for batch in file.iter_batches(batch_size=BATCH):
                rows = batch.to_pylist()
                yield Piece(self.done + 1, len(rows), rows)
                self.done += len(rows)
        except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
            raise UserError(f"{self.path}: not a readable parquet file ({error})") from None


def _parsed(lines: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, Any]]:
    for number, line in lines:
        if line.strip():
            try:
                yield number, _loads(line)
            except ValueError as error:
                yield number, Broken(f"not valid JSON ({error})")


def _loads(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return _storable(files.loads(line))  # it reads NaN too, and its errors are the clearer ones


def _storable(row: Any) -> Any:
    """JSON can spell half a surrogate pair, which no file that we write can hold."""
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        return Broken(f"not valid text ({error})")
    return row


def _end_of(text: str, at: int) -> int:
    """Where a list or object ends, by its brackets alone; -1 where it goes on after the text."""
    depth = 0
    for token in TOKEN.finditer(text, at):
        depth += (token[0] in ("[", "{")) - (token[0] in ("]", "}"))
        if not depth:
            return token.end()
    return -1


def _int(digits: str) -> int | float:
    """Python refuses to read more than 4,300 digits, which would hide the rows after them."""
    return int(digits) if len(digits) < 4300 else float(digits)
