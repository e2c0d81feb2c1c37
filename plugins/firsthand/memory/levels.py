"""What an agent's level searches, and how time bounds it.

An agent says "week", "day" or "hour". In a life log they mean the days so far, the hours of one day, and the ten
minutes of one hour. A video is shorter: "week" means its ten minutes, "day" and "hour" mean the clips of ten minutes,
and while no more than ten minutes have passed everything is searched at once. A video is known by its time, which is
elapsed time (`clock`): its first clip lies in the first ten minutes of DAY1.

`tiles` is the one place that decides what a search may see. It covers a stretch that ends at the query time with the
coarsest records that lie within it, and what they leave uncovered with finer ones. So a summary that reaches past the
query time is never read, and the part of it that had happened is found in the records it was made from. Nothing that
ends later influences the result, not even what counts as a video or as short.
"""

from collections.abc import Iterator
from typing import NamedTuple

from firsthand import clock
from firsthand.errors import UserError
from firsthand.memory.records import COARSE_TO_FINE
from firsthand.memory.store import Run, Store

LEVELS = {"week": COARSE_TO_FINE, "day": COARSE_TO_FINE[1:], "hour": COARSE_TO_FINE[2:]}  # the agent's -> records'
_FINEST = COARSE_TO_FINE[-1]
_SHORT = clock.LEVELS["10min"]
_EVER = clock.search_window("week", None, None)


class Window(NamedTuple):
    """Where to look: records of these levels, coarsest first, between these moments."""

    levels: tuple[str, ...]
    start: float
    end: float


def windows(store: Store, source: str, level: str, start: float | None, query_time: float | None) -> list[Window]:
    """Where to look, and where else when nothing is there."""
    if level not in LEVELS:
        raise UserError(f"level {level!r} is not one of {', '.join(LEVELS)}")
    passed = _passed(store, source, query_time)
    if passed is None:
        return _of_life(level, start, query_time)
    return _of_video(level if passed > _SHORT else "week", start, query_time)


def _of_life(level: str, start: float | None, query_time: float | None) -> list[Window]:
    if start is None and query_time is not None:
        start = clock.plus(query_time, -clock.HOUR) if level == "hour" else query_time
    if level == "week" or start is None:
        return [Window(LEVELS[level], *_EVER)]
    today = Window(LEVELS["day"], *clock.search_window("day", start, None))
    if level == "day":
        return [today]
    return [Window(LEVELS["hour"], *clock.search_window("hour", start, None)), today]


def _of_video(level: str, start: float | None, query_time: float | None) -> list[Window]:
    if start is None and query_time is not None:
        start = clock.plus(query_time, -_SHORT)
    if level == "week" or start is None:
        return [Window(LEVELS["hour"], *_EVER)]
    return [Window((_FINEST,), start, clock.plus(start, _SHORT)), Window((_FINEST,), *_EVER)]


def _passed(store: Store, source: str, query_time: float | None) -> float | None:
    """How long the clips of a video that end by then are together; None for a life log."""
    clips = store.levels(source).get(_FINEST)
    if clips is None or clock.to_elapsed(clips.start) >= _SHORT:
        return None
    run = store.run(source, _FINEST, clips.start, clips.end if query_time is None else query_time)
    spans = store.spans(run) if run else []
    if not spans or clock.to_elapsed(spans[0].start) >= _SHORT:
        return None
    return clock.seconds_between(spans[0].start, max(span.end for span in spans))


def tiles(store: Store, source: str, window: Window, query_time: float | None) -> tuple[Run, ...]:
    """The records that may be seen."""
    end = window.end if query_time is None else min(window.end, query_time)
    holes = [(window.start, end)] if window.start < end else []
    held, runs = store.levels(source), list[Run]()
    for level in (level for level in window.levels if level in held):
        found = [store.run(source, level, start, end) for start, end in holes]
        runs += [run for run in found if run]
        if level != _FINEST:
            holes = [
                rest
                for hole, run in zip(holes, found, strict=True)
                for rest in (_uncovered(store, run) if run else [hole])
            ]
    return tuple(runs)


def _uncovered(store: Store, run: Run) -> Iterator[tuple[float, float]]:
    """The stretches of a run's time in which none of its records lies."""
    covered = run.start
    for span in store.spans(run):
        if covered < span.start:
            yield covered, span.start
        covered = max(covered, span.end)
    if covered < run.end:
        yield covered, run.end
