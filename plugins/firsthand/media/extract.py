"""From a folder of videos to a frame store: nothing is lost without a line in the report.

Killed anywhere, the next run does what is missing: a video is in the index when all its frames are in place, and only
then. Videos in quarantine are tried again.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from firsthand import clock, files
from firsthand.errors import UserError
from firsthand.media.index import writing
from firsthand.media.names import recording, videos_below
from firsthand.media.workers import Done, Job, run

QUARANTINE = "quarantine.jsonl"


@dataclass(frozen=True)
class Summary:
    videos: int  # in the folder
    resumed: int  # already in the store
    frames: int  # written now
    quarantined: dict[str, str]  # video: why
    ignored: list[Path]  # files that are not taken for videos


def extract(
    videos: Path,
    store: Path,
    fps: float,
    max_pixels: int | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Summary:
    """Take every video below a folder into the store; `progress` is called with bytes done and in total."""
    if not 0 < fps <= clock.FPS:
        raise UserError(f"--fps {fps:g}: choose more than 0 and at most {clock.FPS}, the grid of times")
    paths, ignored = videos_below(videos, store)
    if not paths:
        raise UserError(f"{videos}: no video below this folder ({len(ignored)} other files)")
    stats = {str(path): _stat(videos / path) for path in paths}
    with files.alone(store, "extraction"), writing(store, {"fps": fps, "max_pixels": max_pixels}) as index:
        held = _held(index, store, stats)
        resumed = stats.keys() & held.values()
        jobs: list[Job] = []
        quarantined: dict[str, str] = {}
        for path in sorted(stats.keys() - resumed):
            try:
                made = recording(Path(path))
                if (other := held.setdefault((made.source, made.start), path)) != path:
                    raise UserError(f"same source and time as {other}; rename one of them")
                jobs.append(Job(videos / path, path, made, store, fps, max_pixels))
            except UserError as error:
                quarantined[path] = str(error)
        done, total = (sum(stats[path].st_size for path in some) for some in (resumed, stats))
        written = 0
        for result in run(jobs, workers):
            path = result.job.path
            if isinstance(result, Done):
                _take_in(index, result, stats[path])
                written += len(result.frames)
            else:
                quarantined[path] = result.reason
            done += stats[path].st_size
            progress(done, total)
        bad = [{"video": path, "reason": reason} for path, reason in sorted(quarantined.items())]
        files.write_jsonl(store / QUARANTINE, bad)
    return Summary(len(stats), len(resumed), written, quarantined, ignored)


def _held(index: sqlite3.Connection, store: Path, stats: dict[str, os.stat_result]) -> dict[tuple[str, float], str]:
    """(source, start) -> video, of those in the store; one whose file has changed since is taken out of it."""
    held = {}
    for path, size, mtime, source, start, folder in index.execute(
        "SELECT path, size, mtime, source, start, folder FROM videos"
    ).fetchall():
        stat = stats.get(path)
        if stat and (stat.st_size, stat.st_mtime_ns) != (size, mtime):
            with index:
                index.execute("DELETE FROM videos WHERE path = ?", (path,))
            shutil.rmtree(store / folder, ignore_errors=True)
        else:
            held[source, start] = path
    return held


def _take_in(index: sqlite3.Connection, done: Done, stat: os.stat_result) -> None:
    source, start = done.job.recording.source, done.job.recording.start
    with index:
        video = index.execute(
            "INSERT INTO videos (path, size, mtime, source, start, end, folder) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (done.job.path, stat.st_size, stat.st_mtime_ns, source, start, done.end, done.job.folder),
        ).lastrowid
        index.executemany(
            "INSERT INTO frames (source, moment, start, since, video) VALUES (?, ?, ?, ?, ?)",
            [(source, moment, start, since, video) for moment, since in done.frames],
        )


def _stat(path: Path) -> os.stat_result:
    return path.stat() if path.exists() else path.lstat()  # a broken link: its own stat; decoding reports it
