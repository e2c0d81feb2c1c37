"""Small memories: a life log of every level, and videos."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from firsthand import clock
from firsthand.memory.records import Record
from firsthand.memory.store import Store

Build = Callable[[Iterable[Record]], Store]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return lambda records: Store.build(tmp_path / "memory.sqlite", records)


def make(level: str, start: str, seconds: float, text: str, source: str = "A1_JAKE") -> Record:
    begin = clock.parse(start)
    return Record(source, level, begin, clock.plus(begin, seconds), text, (start,))


@pytest.fixture
def record() -> Callable[..., Record]:
    return make


@pytest.fixture
def week() -> list[Record]:
    """Two days from 11:00 to 12:20; every 30-s caption and every summary names the time at which it starts."""
    made = []
    for day in ("DAY1", "DAY2"):
        made.append(make("1day", f"{day}_11000000", 4800, f"the whole of {day} with a lamp"))
        made.append(make("1hour", f"{day}_11000000", 3600, "an hour of cooking with a lamp"))
        made.append(make("1hour", f"{day}_12000000", 1200, "an hour of cleaning with a lamp"))
        for part in range(8):
            start = clock.plus(clock.parse(f"{day}_11000000"), part * 600)
            made.append(make("10min", clock.stamp(start), 600, f"part {part} of the hour with a lamp"))
            for clip in range(20):
                moment = clock.stamp(clock.plus(start, clip * 30))
                made.append(make("30s", moment, 30, f"clip {moment} with a lamp"))
    return made
