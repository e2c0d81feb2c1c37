"""Every medium decoded to its end: slow, so in parallel, and what was decoded once is remembered in a small database.

The memory is keyed by path, size and time of change: an interrupted run goes on where it was, and the same frames in
another data file, or tomorrow, cost nothing.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from firsthand.findings import ROW_RULES
from firsthand.workers import mapped

CORRUPT = ROW_RULES["media-corrupt"]
CHUNK = 32
Wanted = tuple[str, bool, int]  # path, is it a video, row
Answer = tuple[str, int, int, str]  # path, size, time of change, what is wrong or ""


def default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "firsthand" / "decoded.sqlite"


class Decoded:
    def __init__(self, cache: Path):
        cache.parent.mkdir(parents=True, exist_ok=True)
        self.database = sqlite3.connect(cache)
        self.database.executescript(
            """
            CREATE TABLE IF NOT EXISTS decoded (path TEXT PRIMARY KEY, size INTEGER, changed INTEGER, problem TEXT);
            CREATE TEMP TABLE wanted (path TEXT PRIMARY KEY, video INTEGER, row INTEGER);
            """
        )

    def want(self, media: Iterable[Wanted]) -> None:
        self.database.executemany("INSERT OR IGNORE INTO wanted VALUES (?, ?, ?)", media)

    def run(self, root: Path, workers: int, tick: Callable[[int, int], None]) -> Iterator[tuple[str, int, str]]:
        """(kind, first row, message) of every medium that does not decode."""
        total = self.database.execute("SELECT count(*) FROM wanted").fetchone()[0]
        rows: dict[str, tuple[str, int]] = {}
        done = 0
        for answers in mapped(_decode_all, self._chunks(root, rows), workers):
            self.database.executemany("INSERT OR REPLACE INTO decoded VALUES (?, ?, ?, ?)", answers)
            self.database.commit()
            done += len(answers)
            tick(done, total)
            for path, _, _, problem in answers:
                name, number = rows.pop(path)
                if problem:
                    yield CORRUPT.id, number, f"{name}: {problem}"

    def _chunks(self, root: Path, rows: dict[str, tuple[str, int]]) -> Iterator[list[tuple[Answer, bool]]]:
        """What is known of each medium; `rows` gets name and row of those that are on their way."""
        chunk: list[tuple[Answer, bool]] = []
        for path, video, number in self.database.execute("SELECT * FROM wanted"):
            full = str((root / path).resolve())
            query = "SELECT size, changed, problem FROM decoded WHERE path = ?"
            known = self.database.execute(query, (full,)).fetchone() or (-1, -1, "")
            rows[full] = (path, number)
            chunk.append(((full, *known), bool(video)))
            if len(chunk) == CHUNK:
                yield chunk
                chunk = []
        if chunk:
            yield chunk


def _decode_all(chunk: list[tuple[Answer, bool]]) -> list[Answer]:
    answers = []
    for (path, size, changed, problem), video in chunk:
        stat = Path(path).stat()
        if (stat.st_size, stat.st_mtime_ns) != (size, changed):
            problem = (_video if video else _image)(path)
        answers.append((path, stat.st_size, stat.st_mtime_ns, problem))
    return answers


def _image(path: str) -> str:
    from PIL import Image

    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return str(error)
    return ""


def _video(path: str) -> str:
    import av

    count = 0
    try:
        with av.open(path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for _ in container.decode(stream):
                count += 1
            declared = stream.frames
    except (av.FFmpegError, OSError, ValueError) as error:
        return f"{error} after {count} frames"
    return f"{count} frames decode, the header says {declared}" if declared and count < declared else ""
