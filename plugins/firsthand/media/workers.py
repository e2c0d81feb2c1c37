"""Videos decoded in parallel processes, none of which can end the run.

A worker writes the frames of a video into a folder of its own below `.partial` and moves it into place when it is
complete. What dead workers leave there shows which videos they were decoding: each of those is tried once more in a
process of its own, and a video that kills that one too is reported as bad.
"""

import multiprocessing
import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import av

from firsthand import clock, processes
from firsthand.errors import UserError
from firsthand.media.decode import Broken, opened
from firsthand.media.names import Recording
from firsthand.media.pixels import JpegEncoder


@dataclass(frozen=True)
class Job:
    video: Path
    path: str  # relative to the folder of all videos
    recording: Recording
    store: Path
    fps: float
    max_pixels: int | None

    @property
    def folder(self) -> str:
        return f"{self.recording.source}/{clock.stamp(self.recording.start)}"

    @property
    def partial(self) -> Path:
        return self.store / ".partial" / sha256(self.path.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Done:
    job: Job
    end: float  # clock seconds
    frames: list[tuple[float, float]]  # moment, since


@dataclass(frozen=True)
class Bad:
    job: Job
    reason: str


def run(jobs: list[Job], workers: int | None = None) -> Iterator[Done | Bad]:
    """The results of all jobs, as they come."""
    if jobs:
        shutil.rmtree(jobs[0].partial.parent, ignore_errors=True)
    cores = len(os.sched_getaffinity(0))
    while jobs:
        left = {job.path: job for job in jobs}
        for result in _in_pool(jobs, min(workers or cores, len(jobs)), cores):
            del left[result.job.path]
            yield result
        suspects = [job for job in left.values() if job.partial.exists()]
        if len(left) == len(jobs) and not suspects:
            raise UserError("worker processes die before they begin; is there enough memory? try --workers 1")
        for job in suspects:
            yield next(_in_pool([job], 1, cores), Bad(job, "its decoder crashes"))
        jobs = [job for job in left.values() if job not in suspects]


def _in_pool(jobs: list[Job], workers: int, cores: int) -> Iterator[Done | Bad]:
    """Results until the pool is done or breaks."""
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, spawn, initializer=_die_with, initargs=(os.getpid(),))
    others = multiprocessing.active_children()
    try:
        with _deaf():
            futures = [pool.submit(work, job, max(1, cores // workers)) for job in jobs]
        for future in as_completed(futures):
            yield future.result()
    except KeyboardInterrupt:
        for worker in set(multiprocessing.active_children()).difference(others):
            worker.kill()
        raise
    except BrokenProcessPool:
        return
    except OSError as error:  # while writing; an error while reading has become Bad
        raise UserError(f"{jobs[0].store}: cannot be written ({error})") from None
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes that are started inside never hear of Ctrl-C, not even while they import: ending them is our part."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def work(job: Job, threads: int = 1) -> Done | Bad:
    shutil.rmtree(job.partial, ignore_errors=True)
    job.partial.mkdir(parents=True)
    encoder, since, jpeg, frames = JpegEncoder(job.max_pixels), None, b"", []
    try:
        with opened(job.video, threads) as video:
            for shown in video.sample(job.fps):
                if shown.since != since:
                    since, jpeg = shown.since, encoder.encode(shown.frame)
                moment = clock.plus(job.recording.start, shown.asked)
                (job.partial / f"{clock.stamp(moment)}.jpg").write_bytes(jpeg)
                frames.append((moment, shown.since))
            end = clock.plus(job.recording.start, video.end)
    except (Broken, av.FFmpegError, MemoryError) as error:
        shutil.rmtree(job.partial)
        return Bad(job, error.reason if isinstance(error, Broken) else f"{type(error).__name__} {error}")
    folder = job.store / job.folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    job.partial.rename(folder)
    return Done(job, end, frames)


def _die_with(parent: int) -> None:
    processes.die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)
