"""An append-only JSONL file that survives kill -9: what was answered stays answered, and nothing is answered twice.

A row is one write of one line, so a killed process can leave at most one torn last line. It is cut off on opening and
its question is asked again. A lock keeps out a second process, which would answer the same questions into the file.
"""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from firsthand.errors import UserError
from firsthand.files import read_jsonl


class RowLog:
    """The rows already in `path`, by id, and `append` for more; use it as a context manager."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = self.path.open("a+b", buffering=0)
        except OSError as error:
            raise UserError(f"{self.path}: cannot be written ({error.strerror})") from None
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.torn = self._cut_torn_line()
            self.rows = self._read()
        except BlockingIOError:
            self.file.close()
            raise UserError(f"{self.path}: another process is writing to this file") from None
        except UserError:
            self.file.close()
            raise

    def append(self, row: dict[str, Any]) -> None:
        line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
        before = os.fstat(self.file.fileno()).st_size
        try:
            if self.file.write(line) != len(line):
                raise OSError("only a part of the row was written")
        except OSError as error:
            self.file.truncate(before)
            raise UserError(f"{self.path}: cannot write ({error}); all earlier rows are safe") from None
        self.rows[row["id"]] = row

    def _cut_torn_line(self) -> bool:
        self.file.seek(0)
        content = self.file.read()
        whole = content.rfind(b"\n") + 1
        if whole == len(content):
            return False
        self.file.truncate(whole)
        return True

    def _read(self) -> dict[str, dict[str, Any]]:
        rows: dict[str, dict[str, Any]] = {}
        for number, row in enumerate(read_jsonl(self.path), 1):
            if not isinstance(row, dict) or not isinstance(row.get("id"), str):
                raise UserError(f"{self.path}: row {number} has no id; was it written by another program?")
            if row["id"] in rows:
                raise UserError(f"{self.path}: row {number} repeats the id {row['id']!r}")
            rows[row["id"]] = row
        return rows

    def __enter__(self) -> "RowLog":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
