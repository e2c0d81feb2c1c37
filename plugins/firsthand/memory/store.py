"""One sqlite file with the memories of many people and videos, written once and then only read.

Records are numbered by source, level and start, so one source's records of one level are a contiguous range of ids,
and its postings (term, record, count) are contiguous under each term. A search therefore reads what lies in its window
and nothing else: its time does not grow with the number of sources. The rank of FTS5 itself would not do: it walks a
term's postings of the whole file in every query, and its statistics count records of the future.

A file is never changed, only replaced: readers need no locks, in any number, and keep what they have opened.
"""

import os
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from firsthand.errors import UserError
from firsthand.memory.records import Record
from firsthand.memory.writing import FORMAT, write


class Span(NamedTuple):
    """A record without its text."""

    id: int
    start: float
    end: float
    words: int


class Holding(NamedTuple):
    """What a store holds of one source at one level."""

    source: str
    level: str
    count: int
    start: float
    end: float


class Store:
    """A memory opened for reading, by any number of threads; a forked process opens it again."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise UserError(f"{self.path}: no such memory; make one with `firsthand memory import` or `build`")
        self._open()
        self.digest = self.fact("digest")  # of its records: equal records, equal digest
        self.embedding_model = self.fact("embedding model")
        self._holdings: dict[str, dict[str, Holding]] = {}
        for row in self.query("SELECT source, level, count, start, end FROM holdings ORDER BY source"):
            self._holdings.setdefault(row[0], {})[row[1]] = Holding(*row)

    @classmethod
    def build(cls, path: Path | str, records: Iterable[Record]) -> "Store":
        """Write the memory of these records, in any order, to `path`: whole or not at all."""
        write(Path(path), records)
        return cls(path)

    @property
    def count(self) -> int:
        return sum(one.count for held in self._holdings.values() for one in held.values())

    def sources(self) -> list[str]:
        return list(self._holdings)

    def levels(self, source: str) -> dict[str, Holding]:
        if source not in self._holdings:
            known = self.sources()
            more = f" and {len(known) - 8} more" if len(known) > 8 else ""
            raise UserError(f"{self.path} holds no {source!r}; it holds {', '.join(known[:8])}{more}")
        return self._holdings[source]

    def records(self, source: str, level: str, start: float | None = None, end: float | None = None) -> list[Record]:
        """The records that lie within these moments, in order of time."""
        return self.fetch([span.id for span in self.spans(source, level, start, end)])

    def spans(self, source: str, level: str, start: float | None = None, end: float | None = None) -> list[Span]:
        start = float("-inf") if start is None else start
        end = float("inf") if end is None else end
        rows = self.query(
            "SELECT id, start, end, words FROM records"
            " WHERE source = ? AND level = ? AND start BETWEEN ? AND ? AND end <= ? ORDER BY start, end, id",
            (source, level, start, end, end),
        )
        return [Span(*row) for row in rows]

    def fetch(self, ids: Iterable[int]) -> list[Record]:
        sql = "SELECT source, level, start, end, text, provenance FROM records WHERE id = ?"
        rows = [self.query(sql, (number,))[0] for number in ids]
        return [Record(*row[:5], provenance=tuple(row[5].split())) for row in rows]

    def postings(self, term: str, first: int, last: int) -> list[tuple[int, int]]:
        """(record, count) for the records of a range of ids that have a term."""
        sql = "SELECT record, count FROM postings WHERE term = ? AND record BETWEEN ? AND ?"
        return self.query(sql, (term, first, last))

    def vectors(self, first: int, last: int) -> list[tuple[int, bytes]]:
        return self.query("SELECT record, vector FROM vectors WHERE record BETWEEN ? AND ?", (first, last))

    def fact(self, name: str) -> str | None:
        found = self.query("SELECT value FROM facts WHERE name = ?", (name,))
        return found[0][0] if found else None

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        if self._process != os.getpid():
            self._open()
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def close(self) -> None:
        self._db.close()

    def _open(self) -> None:
        self._process, self._lock = os.getpid(), threading.Lock()
        address = f"file:{quote(str(self.path.resolve()))}?mode=ro&immutable=1"
        self._db = sqlite3.connect(address, uri=True, check_same_thread=False)
        try:
            self._db.execute(f"PRAGMA mmap_size = {1 << 32}")
            known = self.fact("format") == FORMAT
        except sqlite3.DatabaseError:
            known = False
        if not known:
            self._db.close()
            raise UserError(f"{self.path} is no {FORMAT}; make one with `firsthand memory import` or `build`")
