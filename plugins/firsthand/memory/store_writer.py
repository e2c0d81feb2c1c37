"""How the file of a memory is written: beside its place, without a journal, and moved there when it is whole."""

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from firsthand import clock, files
from firsthand.errors import UserError
from firsthand.memory import words
from firsthand.memory.records import Record

FORMAT = "firsthand memory 1"
_BATCH = 20_000  # records split into terms at once

_SCHEMA = """
CREATE TABLE facts(name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE records(
    id INTEGER PRIMARY KEY, source TEXT, level TEXT, start REAL, end REAL, text TEXT, provenance TEXT, words INTEGER
);
CREATE TABLE postings(term TEXT, record INTEGER, count INTEGER, PRIMARY KEY (term, record)) WITHOUT ROWID;
CREATE TABLE vectors(record INTEGER PRIMARY KEY, vector BLOB);
CREATE TEMP TABLE incoming(source TEXT, level TEXT, start REAL, end REAL, text TEXT, provenance TEXT);
"""
_NUMBER = """
INSERT INTO records(source, level, start, end, text, provenance, words)
    SELECT *, 0 FROM incoming ORDER BY source, level, start, end, text, provenance
"""
_FINISH = """
CREATE INDEX spans ON records(source, level, start, end, words);
CREATE TABLE holdings AS
    SELECT source, level, count(*) AS count, min(start) AS start, max(end) AS end FROM records GROUP BY source, level;
"""


def write(path: Path, records: Iterable[Record]) -> None:
    with replacing(path) as db:
        db.executescript(_SCHEMA)
        words.open_tables(db)
        db.executemany("INSERT INTO incoming VALUES (?, ?, ?, ?, ?, ?)", map(_row, records))
        db.execute(_NUMBER)
        for first, last in _batches(db, _BATCH):
            _index(db, first, last)
        db.executescript(_FINISH)
        db.executemany("INSERT INTO facts VALUES (?, ?)", [("format", FORMAT), ("digest", _digest(db))])


def write_vectors(path: Path, model: str, embed: Callable[[list[str]], list[bytes]], batch: int = 256) -> None:
    """The same memory with a vector for every record, in the place of the old file."""
    with replacing(path) as db:
        old = sqlite3.connect(path)
        old.backup(db)
        old.close()
        db.execute("DELETE FROM vectors")
        for first, last in _batches(db, batch):
            rows = db.execute("SELECT id, text FROM records WHERE id BETWEEN ? AND ?", (first, last)).fetchall()
            vectors = embed([text for _, text in rows])
            pairs = [(number, vector) for (number, _), vector in zip(rows, vectors, strict=True)]
            db.executemany("INSERT INTO vectors VALUES (?, ?)", pairs)
        db.execute("INSERT OR REPLACE INTO facts VALUES ('embedding model', ?)", (model,))


@contextmanager
def replacing(path: Path) -> Iterator[sqlite3.Connection]:
    """A new database that takes its place when the block ends well, and leaves nothing when it does not."""
    with files.replacing(path) as new:
        with closing(sqlite3.connect(new)) as db:
            for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -262144"):
                db.execute(f"PRAGMA {pragma}")
            yield db
            db.commit()
        with new.open("rb") as content:
            os.fsync(content.fileno())


def _row(record: Record) -> tuple[str, str, float, float, str, str]:
    if record.level not in clock.LEVELS or not record.start <= record.end:
        raise UserError(f"not a record: {record}; levels are {', '.join(clock.LEVELS)}, and it ends after it starts")
    clips = " ".join(record.provenance)
    return (
        files.storable(record.source),
        record.level,
        record.start,
        record.end,
        files.storable(record.text),
        files.storable(clips),
    )


def _batches(db: sqlite3.Connection, size: int) -> Iterator[tuple[int, int]]:
    """First and last id of each."""
    (total,) = db.execute("SELECT count(*) FROM records").fetchone()
    for first in range(1, total + 1, size):
        yield first, min(first + size - 1, total)


def _index(db: sqlite3.Connection, *batch: int) -> None:
    db.execute("INSERT INTO texts(rowid, text) SELECT id, text FROM records WHERE id BETWEEN ? AND ?", batch)
    db.execute("INSERT INTO postings SELECT term, doc, count(*) FROM occurrences GROUP BY term, doc")
    counts = db.execute("SELECT count(*), doc FROM occurrences GROUP BY doc").fetchall()
    db.executemany("UPDATE records SET words = ? WHERE id = ?", counts)
    words.clear_tables(db)


def _digest(db: sqlite3.Connection) -> str:
    digest = hashlib.sha256()
    for row in db.execute("SELECT source, level, start, end, text, provenance FROM records ORDER BY id"):
        digest.update(repr(row).encode())
    return digest.hexdigest()
