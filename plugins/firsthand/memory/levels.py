"""What an agent's level searches, and how time bounds it.

An agent says "week", "day" or "hour". In a life log they mean the days so far, the hours of one day, and the ten
minutes of one hour. A video is shorter: "week" means its ten minutes, "day" and "hour" mean the clips of ten minutes,
and up to ten minutes everything is searched at once.

`tiles` is the one place that decides what a search may see. It covers a stretch that ends at the query time with the
coarsest records that lie within it, and what they leave uncovered with finer ones. So a summary that reaches past the
query time is never read, and the part of it that had happened is found in the records it was made from; and nothing
that ends later has any influence on the outcome.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from firsthand import clock
from firsthand.errors import UserError
from firsthand.memory.records import COARSE_TO_FINE
from firsthand.memory.store import Run, Store

LEVELS = {"week": COARSE_TO_FINE, "day": COARSE_TO_FINE[1:], "hour": COARSE_TO_FINE[2:]}  # the agent's -> records'
_SHORT = clock.LEVELS["10min"]


class Window(NamedTuple):
    """Where to look: records of these levels, coarsest first, between these moments."""

    levels: Sequence[str]
    start: float
    end: float


def windows(store: Store, source: str, level: str, start_time: float | None, query_time: float | None) -> list[Window]:
    """Where to look, and where else when nothing is there."""
    if level not in LEVELS:
        raise UserError(f"level {level!r} is none of {', '.join(LEVELS)}")
    held = store.levels(source)
    first, last = min(one.start for one in held.values()), max(one.end for one in held.values())
    everything = clock.search_window("week", None, None)
    if clock.seconds_between(first, last) <= _SHORT:
        return [Window(COARSE_TO_FINE, *everything)]
    start = start_time
    if start is None and query_time is not None:
        start = clock.plus(query_time, -clock.HOUR) if level == "hour" else query_time
    if level == "week" or start is None:
        return [Window(LEVELS[level], *everything)]
    today = clock.search_window("day", start, None)
    if not held.keys() & {"1day", "1hour"} and clock.day(last) == 1:
        return [Window(["30s"], start, clock.plus(start, _SHORT)), Window(["30s"], *today)]
    if level == "day":
        return [Window(LEVELS["day"], *today)]
    return [Window(LEVELS["hour"], *clock.search_window("hour", start, None)), Window(LEVELS["day"], *today)]


def tiles(store: Store, source: str, window: Window, query_time: float | None) -> list[Run]:
    """The records that may be seen."""
    end = window.end if query_time is None else min(window.end, query_time)
    holes = [(window.start, end)] if window.start < end else []
    held, runs = store.levels(source), []
    for level in (level for level in window.levels if level in held):
        found = [store.run(source, level, start, end) for start, end in holes]
        runs += [run for run in found if run]
        if level != COARSE_TO_FINE[-1]:
            holes = [
                rest
                for hole, run in zip(holes, found, strict=True)
                for rest in (_uncovered(store, run) if run else [hole])
            ]
    return runs


def _uncovered(store: Store, run: Run) -> Iterator[tuple[float, float]]:
    """The stretches of a run's time in which none of its records lies."""
    covered = run.start
    for span in store.spans(run):
        if covered < span.start:
            yield covered, span.start
        covered = max(covered, span.end)
    if covered < run.end:
        yield covered, run.end
