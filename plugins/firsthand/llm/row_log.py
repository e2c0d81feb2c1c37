"""An append-only JSONL file that survives kill -9: what was answered stays answered, and nothing is answered twice.

A row is one write of one line, so a killed process can leave at most one torn last line. On opening it is moved to
`OUT.torn`, and its question is asked again. A file that holds anything but our rows is another program's: it is
refused, and not a byte of it changes. A lock keeps out a second process, which would answer the same questions into
the file.
"""

import fcntl
import json
import os
from codecs import getincrementaldecoder
from pathlib import Path
from typing import Any

from firsthand.errors import UserError
from firsthand.files import loads, storable, writing

OURS = {"id", "messages_sha256", "settings"}  # keys of every row, the id first
BEGINNING = b'{"id": "'


class RowLog:
    """The rows already in `path`, by id, and `append` for more; use it as a context manager."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists() and not self.path.is_file():
                raise OSError("not a regular file")
            self.file = self.path.open("a+b", buffering=0)
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.file.seek(0)
            *lines, tail = self.file.read().split(b"\n")
            self.rows = self._read(lines)
            self.torn = bool(tail)
            if tail:
                self._set_aside(tail)
        except BlockingIOError:
            self.file.close()
            raise UserError(f"{self.path}: another process is writing to this file") from None
        except UserError:
            self.file.close()
            raise

    def append(self, row: dict[str, Any]) -> None:
        line = storable(json.dumps(row, ensure_ascii=False)).encode() + b"\n"
        before = os.fstat(self.file.fileno()).st_size
        try:
            if self.file.write(line) != len(line):
                raise OSError("only a part of the row was written")
        except OSError as error:
            self.file.truncate(before)
            raise UserError(f"{self.path}: cannot write ({error}); all earlier rows are safe") from None
        self.rows[row["id"]] = row

    def _set_aside(self, tail: bytes) -> None:
        """The torn last line, which must begin like a row: one line may be all of a foreign file, `{` for example."""
        if not _half_a_row(tail) or not (self.rows or tail.startswith(BEGINNING)):
            raise UserError(f"{self.path}: its last line is not one of our rows; {OTHER}")
        torn = Path(f"{self.path}.torn")
        with writing(torn), torn.open("ab") as file:
            file.write(tail + b"\n")
        self.file.truncate(os.fstat(self.file.fileno()).st_size - len(tail))

    def _read(self, lines: list[bytes]) -> dict[str, dict[str, Any]]:
        rows: dict[str, dict[str, Any]] = {}
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            row = _row(line)
            if row is None:
                raise UserError(f"{self.path}: line {number} is not one of our rows; {OTHER}")
            if row["id"] in rows:
                raise UserError(f"{self.path}: line {number} repeats the id {row['id']!r}")
            rows[row["id"]] = row
        return rows

    def __enter__(self) -> "RowLog":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


OTHER = "was it written by another program? Nothing in it was changed; name another file"


def _half_a_row(tail: bytes) -> bool:
    """It begins like a row, it may break off in the middle of a character, and it is not a whole line of others."""
    try:
        getincrementaldecoder("utf-8")().decode(tail)
    except UnicodeDecodeError:
        return False
    whole = _json(tail) is not None
    return BEGINNING.startswith(tail[: len(BEGINNING)]) and (not whole or _row(tail) is not None)


def _json(line: bytes) -> Any:
    try:
        return loads(line.decode())
    except ValueError:
        return None


def _row(line: bytes) -> dict[str, Any] | None:
    row = _json(line)
    return row if isinstance(row, dict) and row.keys() >= OURS and isinstance(row["id"], str) else None
