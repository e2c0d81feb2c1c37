"""One sqlite file with the memories of many people and videos, written once and then only read.

Records are numbered by source, level and start, so one source's records of one level are a contiguous range of ids,
and its postings (term, record, count) are contiguous under each term. A search therefore reads what lies in its window
and nothing else: its time does not grow with the number of sources. The rank of FTS5 itself would not do: it walks a
term's postings of the whole file in every query, and its statistics count records of the future.

A file is never changed, only replaced: readers need no locks, in any number, and keep what they have opened. One that
is written over in place all the same is noticed, and not read on. It is not mapped into RAM, since a mapped file that
becomes shorter kills its reader.
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
from firsthand.memory.store_writer import FORMAT, write

MOST_VALUES = 500  # in one query; sqlite takes 32,766


class Span(NamedTuple):
    """A record without its text."""

    id: int
    start: float
    end: float


class Run(NamedTuple):
    """All records of a source and level that lie between two moments, unread."""

    source: str
    level: str
    start: float
    end: float
    records: int
    words: int
    first: int  # ids; between them are also those that end too late
    last: int


class Holding(NamedTuple):
    """What a store holds of one source at one level."""

    source: str
    level: str
    records: int
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
        return sum(one.records for held in self._holdings.values() for one in held.values())

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
        run = self.run(source, level, float("-inf") if start is None else start, float("inf") if end is None else end)
        return self.fetch(span.id for span in self.spans(run)) if run else []

    def run(self, source: str, level: str, start: float, end: float) -> Run | None:
        sql = (
            "SELECT count(*), sum(words), min(id), max(id) FROM records"
            " WHERE source = ? AND level = ? AND start BETWEEN ? AND ? AND end <= ?"
        )
        [found] = self.query(sql, (source, level, start, end, end))
        return Run(source, level, start, end, *found) if found[0] else None

    def spans(self, run: Run) -> list[Span]:
        """In order of time."""
        sql = "SELECT id, start, end FROM records WHERE id BETWEEN ? AND ? AND end <= ? ORDER BY id"
        return [Span(*row) for row in self.query(sql, (run.first, run.last, run.end))]

    def fetch(self, ids: Iterable[int]) -> list[Record]:
        """In the order of the ids."""
        asked, found = list(ids), dict[int, Record]()
        for first in range(0, len(asked), MOST_VALUES):
            part = asked[first : first + MOST_VALUES]
            sql = f"SELECT id, source, level, start, end, text, provenance FROM records WHERE id IN ({_places(part)})"
            for number, source, level, start, end, text, clips in self.query(sql, part):
                found[number] = Record(source, level, start, end, text, tuple(clips.split()))
        return [found[number] for number in asked]

    def hits(self, run: Run, terms: Sequence[str]) -> list[tuple[str, Span, int, int]]:
        """Of a run, the records that have one of the terms: which term, how often, among how many words."""
        sql = (
            "SELECT term, id, start, end, count, words FROM postings JOIN records ON id = record"
            f" WHERE term IN ({_places(terms)}) AND record BETWEEN ? AND ? AND end <= ?"
        )
        rows = self.query(sql, (*terms, run.first, run.last, run.end))
        return [(row[0], Span(*row[1:4]), row[4], row[5]) for row in rows]

    def ids(self, source: str, level: str, start: float, end: float) -> tuple[int, int]:
        """The first and last id of the records that start between two moments; (0, 0) without any."""
        of_level = "SELECT {}(start) FROM records WHERE source = ?1 AND level = ?2 AND start {}"
        sql = (
            "SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM records WHERE source = ?1 AND level = ?2"
            f" AND start IN (({of_level.format('min', '>= ?3')}), ({of_level.format('max', '<= ?4')}))"
        )
        [(first, last)] = self.query(sql, (source, level, start, end))
        return first, last

    def coverage(self, first: int, last: int, concepts: Sequence[Sequence[str]]) -> list[tuple[Span, int]]:
        """Records between two ids that have a term of any of the concepts, and of how many concepts."""
        asked = [value for number, terms in enumerate(concepts) for term in terms for value in (term, number)]
        sql = (
            f"WITH asked(term, concept) AS (VALUES {', '.join(['(?, ?)'] * (len(asked) // 2))})"
            " SELECT id, start, end, count(DISTINCT concept)"
            " FROM asked CROSS JOIN postings USING (term) CROSS JOIN records ON id = record"
            " WHERE record BETWEEN ? AND ? GROUP BY record"
        )
        rows = self.query(sql, (*asked, first, last)) if asked else []
        return [(Span(*row[:3]), row[3]) for row in rows]

    def vectors(self, run: Run) -> list[tuple[Span, bytes]]:
        sql = (
            "SELECT id, start, end, vector FROM vectors JOIN records ON id = record"
            " WHERE record BETWEEN ? AND ? AND end <= ?"
        )
        return [(Span(*row[:3]), row[3]) for row in self.query(sql, (run.first, run.last, run.end))]

    def fact(self, name: str) -> str | None:
        found = self.query("SELECT value FROM facts WHERE name = ?", (name,))
        return found[0][0] if found else None

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        if self._process != os.getpid():
            self._open()
        try:
            with self._lock:
                return self._db.execute(sql, values).fetchall()
        finally:  # also instead of what sqlite says of half a file
            if self._state() != self._opened:
                raise UserError(f"{self.path} was changed in place; start again, and replace memories by a move")

    def close(self) -> None:
        self._db.close()
        self._file.close()

    def _state(self) -> tuple[int, int]:
        """What a write changes; asked of the open file, as another one may have its name by now."""
        stat = os.fstat(self._file.fileno())
        return stat.st_size, stat.st_mtime_ns

    def _open(self) -> None:
        self._process, self._lock = os.getpid(), threading.Lock()
        self._file = self.path.open("rb")
        self._opened = self._state()
        address = f"file:{quote(str(self.path.resolve()))}?mode=ro&immutable=1"
        self._db = sqlite3.connect(address, uri=True, check_same_thread=False)
        try:
            self._db.execute("PRAGMA mmap_size = 0")
            known = self.fact("format") == FORMAT
        except sqlite3.DatabaseError:
            known = False
        if not known:
            self.close()
            raise UserError(f"{self.path} is not a {FORMAT}; make one with `firsthand memory import` or `build`")


def _places(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))
