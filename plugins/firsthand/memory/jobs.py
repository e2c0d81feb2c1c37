"""What a build starts from: the sources and their 30-s clips."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from firsthand import clock
from firsthand.errors import UserError
from firsthand.memory.ego_r1_files import File, Problems, find, read
from firsthand.memory.records import Record


@dataclass(frozen=True)
class Job:
    """One source, and the file of its captions or the store of its frames."""

    source: str
    path: Path
    has_captions: bool


def find_jobs(captions: Path | None, frames: Path | None, only: Sequence[str]) -> tuple[list[Job], list[str]]:
    """A job for every source (or those of `only`), and the files that could not be recognised."""
    problems, jobs = Problems(), []
    if captions:
        files = [one for one in find(captions, problems) if one.level == "30s"]
        jobs += [Job(one.source, one.path, has_captions=True) for one in files]
    if frames:
        from firsthand.media.store import FrameStore

        jobs += [Job(source, frames.resolve(), has_captions=False) for source in FrameStore(frames).sources()]
    known = {job.source for job in jobs}
    if missing := [source for source in only if source not in known]:
        raise UserError(
            f"{captions or frames} has no {', '.join(missing)}; it has {', '.join(sorted(known)) or 'none'}"
        )
    if not jobs:
        raise UserError(f"{captions or frames}: nothing to build from\n" + "\n".join(problems))
    return [job for job in jobs if not only or job.source in only], problems


def captions_of(source: str, path: Path) -> tuple[list[Record], list[str]]:
    """Given captions in order of time, and the records that could not be read."""
    problems = Problems()
    captions = sorted(read([File(source, "30s", path)], problems), key=lambda one: (one.start, one.end))
    return captions, problems


def clips_of(source: str, frames: Path) -> list[Record]:
    """The clips of a source's recorded stretches, without captions so far."""
    from firsthand.media.store import FrameStore

    pieces = [piece for span in FrameStore(frames).spans(source) for piece in cut(*span)]
    return [Record(source, "30s", start, end, "", (clock.stamp(start),)) for start, end in pieces]


def cut(start: float, end: float) -> list[tuple[float, float]]:
    """A stretch in pieces of 30 s; a remainder of at most a second belongs to the last piece."""
    pieces = []
    while clock.seconds_between(start, end) > clock.CLIP + 1:
        pieces.append((start, clock.plus(start, clock.CLIP)))
        start = pieces[-1][1]
    return [*pieces, (start, end)]
