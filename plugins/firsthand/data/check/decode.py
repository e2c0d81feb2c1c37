"""Every medium decoded to its end: slow, so in parallel, and what was decoded once is remembered in a small database.

The memory is keyed by path, size and time of change: an interrupted run goes on where it was, and the same frames in
another data file, or tomorrow, cost nothing.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from firsthand.errors import UserError
from firsthand.findings import ROW_RULES
from firsthand.workers import batched, mapped

CORRUPT = ROW_RULES["media-corrupt"]
CHUNK = 32
TABLES = """
CREATE TABLE IF NOT EXISTS decoded (path TEXT PRIMARY KEY, size INTEGER, changed INTEGER, problem TEXT);
CREATE TEMP TABLE wanted (path TEXT PRIMARY KEY, name TEXT, video INTEGER, row INTEGER);
"""
WANTED = "SELECT path, name, video, row, size, changed, problem FROM wanted LEFT JOIN decoded USING (path)"
Medium = tuple[str, bool, int]  # its name in the row, is it a video, the row


def default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "firsthand" / "decoded.sqlite"


class Decoded:
    def __init__(self, cache: Path):
        try:
            cache.parent.mkdir(parents=True, exist_ok=True)
            self.database = sqlite3.connect(cache)
            self.database.executescript(TABLES)
        except (OSError, sqlite3.Error) as error:
            raise UserError(f"--cache {cache}: cannot keep there what was decoded ({error})") from None

    def want(self, media: Iterable[Medium], root: Path) -> None:
        rows = ((str((root / name).resolve()), name, video, row) for name, video, row in media)
        self.database.executemany("INSERT OR IGNORE INTO wanted VALUES (?, ?, ?, ?)", rows)

    def run(self, workers: int, tick: Callable[[int, int], None]) -> Iterator[tuple[str, int, str]]:
        """(kind, first row, message) of every medium that does not decode."""
        total = self.database.execute("SELECT count(*) FROM wanted").fetchone()[0]
        done = 0
        for answers in mapped(_decode_all, batched(self.database.execute(WANTED), CHUNK), workers):
            known = [(path, size, changed, problem) for path, _, _, size, changed, problem in answers]
            self.database.executemany("INSERT OR REPLACE INTO decoded VALUES (?, ?, ?, ?)", known)
            self.database.commit()
            done += len(answers)
            tick(done, total)
            yield from ((CORRUPT.id, row, f"{name}: {problem}") for _, name, row, _, _, problem in answers if problem)


def _decode_all(chunk: list[tuple]) -> list[tuple[str, str, int, int, int, str]]:
    """Path, name, row, size, time of change and problem of each; what has not changed since is not decoded again."""
    answers = []
    for path, name, video, row, size, changed, problem in chunk:
        stat = Path(path).stat()
        if (stat.st_size, stat.st_mtime_ns) != (size, changed):
            problem = (_video if video else _image)(path)
        answers.append((path, name, row, stat.st_size, stat.st_mtime_ns, problem))
    return answers


def _image(path: str) -> str:
    from PIL import Image

    from firsthand.media.reading import IMAGE_FAULTS

    try:
        with Image.open(path) as image:
            image.load()
    except IMAGE_FAULTS as error:
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
