"""The index of a frame store: one sqlite file, written by one process, read by many.

One transaction per video, so that a killed run leaves whole videos only. No write-ahead log: a reader needs no write
access, and a finished store can be on a read-only disk.

`frames.moment` is a time of the sampling grid at which the frame was on show, `frames.since` the presentation time of
the frame in its video; they differ where the video has no frame at that very moment.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from firsthand.errors import UserError

NAME = "index.sqlite"
SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (key TEXT PRIMARY KEY, value);
CREATE TABLE IF NOT EXISTS videos (
    id INTEGER PRIMARY KEY, path TEXT UNIQUE NOT NULL, size INTEGER NOT NULL, mtime INTEGER NOT NULL,
    source TEXT NOT NULL, start REAL NOT NULL, end REAL NOT NULL, folder TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS videos_by_source ON videos (source, start);
CREATE TABLE IF NOT EXISTS frames (
    source TEXT, moment REAL, start REAL, since REAL, video INTEGER NOT NULL REFERENCES videos ON DELETE CASCADE,
    PRIMARY KEY (source, moment, start)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS frames_by_video ON frames (video);
"""


@contextmanager
def reading(root: Path) -> Iterator[sqlite3.Connection]:
    """A connection of its own for each use: safe in threads and forked workers, and no handle stays open."""
    path = root / NAME
    if not path.is_file():
        raise UserError(f"{root} is no frame store; make one with: firsthand media extract VIDEOS --out {root}")
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=30)) as connection:
            yield connection
    except sqlite3.DatabaseError as error:
        raise UserError(f"{path}: not a readable index ({error}); delete the store and extract again") from None


@contextmanager
def writing(root: Path, settings: dict[str, float | None]) -> Iterator[sqlite3.Connection]:
    """The index of a new store, or of one that was made with the same settings."""
    root.mkdir(parents=True, exist_ok=True)
    try:
        with closing(sqlite3.connect(root / NAME, timeout=30)) as connection:
            connection.executescript(SCHEMA)
            connection.execute("PRAGMA foreign_keys = ON")
            with connection:
                for key, value in settings.items():
                    connection.execute("INSERT OR IGNORE INTO settings VALUES (?, ?)", (key, value))
            for key, value in connection.execute("SELECT key, value FROM settings"):
                if settings.get(key) != value:
                    raise UserError(
                        f"{root} was made with {key} = {value}, not {settings.get(key)}; use that, or another --out"
                    )
            yield connection
    except sqlite3.DatabaseError as error:
        raise UserError(f"{root / NAME}: cannot be written ({error})") from None
