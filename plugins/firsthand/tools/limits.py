"""What stands between a tool and a service that is slow, broken or counts our calls.

All waiting happens in `Guard.run`, which knows the deadline: whatever has no room raises `Busy` at once and says when
to come again, and a wait that would pass the deadline is not begun. Only the wait for a place at the service comes
before the deadline: it is no fault of the service that all rollouts of a step ask it at once.
"""

import asyncio
import hashlib
import random
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from firsthand.llm.faults import Busy, Unavailable

T = TypeVar("T")


class Paused(Unavailable):
    """The breaker is open: the service failed so often that it is left alone for a while."""


@dataclass
class Breaker:
    """Opens after `faults` in a row; after `seconds` one call may probe, and closes it again if it succeeds."""

    faults: int = 5
    seconds: float = 30.0
    now: Callable[[], float] = time.monotonic
    _count: int = field(default=0, init=False)
    _closed_again: float | None = field(default=None, init=False)  # None: never opened, or a probe succeeded
    _probing: bool = field(default=False, init=False)

    @property
    def is_open(self) -> bool:
        return self._closed_again is not None

    @contextmanager
    def watch(self) -> Iterator[None]:
        probe = self.is_open
        if probe:
            self._refuse_unless_due()
        self._probing |= probe
        try:
            yield
        except Busy:
            raise
        except (Unavailable, TimeoutError):
            self._count += 1
            if probe or self._count >= self.faults:
                self._closed_again = self.now() + self.seconds
            raise
        else:
            self._count, self._closed_again = 0, None
        finally:
            if probe:
                self._probing = False

    def _refuse_unless_due(self) -> None:
        wait = (self._closed_again or 0.0) - self.now()
        if wait > 0 or self._probing:
            raise Paused(f"paused after {self._count} faults in a row", max(wait, 0.0))


@dataclass
class Guard:
    """A place at the service, then a deadline, bounded retries with jitter, and a breaker around one tool."""

    retries: int = 2
    backoff: float = 0.5  # seconds before the first retry; doubled for each further one
    breaker: Breaker = field(default_factory=Breaker)
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    places: "Places | None" = None  # of the service; None: any number

    async def run(self, work: Callable[[], Awaitable[T]], seconds: float) -> T:
        async with self.places.held(seconds) if self.places else nullcontext():
            return await self._run(work, seconds)

    async def _run(self, work: Callable[[], Awaitable[T]], seconds: float) -> T:
        deadline, faults = self.now() + seconds, 0
        while True:
            try:
                with self.breaker.watch():
                    async with asyncio.timeout(deadline - self.now()):
                        return await work()
            except Paused:
                raise
            except Busy as busy:
                wait = (busy.retry_after or 0.0) * random.uniform(1.0, 1.2)
                if self.now() + wait >= deadline:
                    raise
            except Unavailable as fault:
                faults += 1
                wait = max(fault.retry_after or 0.0, self.backoff * 2 ** (faults - 1) * random.uniform(0.5, 1.5))
                if faults > self.retries or self.now() + wait >= deadline:
                    raise
            await self.sleep(wait)


class _Counts:
    """A file in which processes count together; one short transaction a call."""

    def __init__(self, path: Path | str, table: str):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._transaction() as database:
            database.execute(f"CREATE TABLE IF NOT EXISTS {table}")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        # One connection per call: it costs a fraction of a millisecond and survives forks, threads and loops.
        with closing(sqlite3.connect(self.path, timeout=10.0, isolation_level=None)) as database:
            database.execute("PRAGMA synchronous = OFF")  # what a power cut takes away is a minute's counts
            database.execute("BEGIN IMMEDIATE")
            yield database
            database.execute("COMMIT")


class Places(_Counts):
    """At most so many calls of a service at a time, counted together with all processes that use the same file.

    A place is taken for the seconds that the call may last: what a killed process held is free again after them.
    """

    def __init__(self, path: Path | str, service: str, most: int, now: Callable[[], float] = time.time):
        super().__init__(path, "held (call TEXT PRIMARY KEY, service TEXT NOT NULL, until REAL NOT NULL)")
        self.service, self.most, self.now = _unreadable(service), most, now

    @asynccontextmanager
    async def held(self, seconds: float) -> AsyncIterator[None]:
        call = uuid4().hex
        try:
            while not await asyncio.to_thread(self.take, call, seconds):
                await asyncio.sleep(random.uniform(0.2, 0.5))
            yield
        finally:
            self.give_back(call)

    def take(self, call: str, seconds: float) -> bool:
        now = self.now()
        with self._transaction() as database:
            database.execute("DELETE FROM held WHERE until <= ?", [now])
            [taken] = database.execute("SELECT count(*) FROM held WHERE service = ?", [self.service]).fetchone()
            if taken < self.most:
                database.execute("INSERT INTO held VALUES (?, ?, ?)", [call, self.service, now + seconds])
        return taken < self.most

    def give_back(self, call: str) -> None:
        with suppress(sqlite3.Error), self._transaction() as database:  # it ends by itself; the call may have succeeded
            database.execute("DELETE FROM held WHERE call = ?", [call])


class RateLimit(_Counts):
    """So many calls a minute for every name, counted together with all processes that use the same file.

    A name has one number, the moment at which its calls so far are paid for (a leaky bucket); resting a name moves it
    into the future. A process that is killed holds nothing.
    """

    def __init__(self, path: Path | str, per_minute: float, burst: int = 1, now: Callable[[], float] = time.time):
        super().__init__(path, "paid (name TEXT PRIMARY KEY, until REAL NOT NULL)")
        self.interval, self.burst, self.now = 60.0 / per_minute, burst, now

    def take(self, name: str) -> float:
        """0.0: the call may be made now, and is counted. Else the seconds after which asking again makes sense."""
        now = self.now()
        with self._transaction() as database:
            until = max(self._until(database, name), now)
            wait = until - (self.burst - 1) * self.interval - now
            if wait <= 0 and self.interval:
                self._set(database, name, until + self.interval)
        return max(wait, 0.0)

    def rest(self, name: str, seconds: float) -> None:
        """No call of this name for so long, whatever its burst."""
        with self._transaction() as database:
            rested = self.now() + seconds + (self.burst - 1) * self.interval
            self._set(database, name, max(self._until(database, name), rested))

    @staticmethod
    def _until(database: sqlite3.Connection, name: str) -> float:
        row = database.execute("SELECT until FROM paid WHERE name = ?", [name]).fetchone()
        return row[0] if row else 0.0

    @staticmethod
    def _set(database: sqlite3.Connection, name: str, until: float) -> None:
        database.execute("INSERT OR REPLACE INTO paid VALUES (?, ?)", [name, until])


class KeyPool:
    """Hands out the next key that may be used now; all processes count and rest a key together.

    `name` is that of the service, whose keys are counted apart from those of others. It may be an address with a
    password in it, so neither messages nor the file of the counts hold it.
    """

    def __init__(self, name: str, keys: Sequence[str], limit: RateLimit):
        self._name, self._keys, self._limit = name, list(keys), limit
        self._lock = threading.Lock()
        self._why = ""

    def lease(self) -> str:
        with self._lock:
            waits = []
            for key in self._keys:
                wait = self._limit.take(self._label(key))
                if not wait:
                    self._keys.remove(key)
                    self._keys.append(key)  # the others come first next time
                    return key
                waits.append(wait)
        raise Busy(f"its service has no room for {min(waits):.1f} seconds{self._why}", min(waits))

    def rest(self, key: str, seconds: float, why: str) -> None:
        self._why = f" ({why})"
        self._limit.rest(self._label(key), seconds)

    def _label(self, key: str) -> str:
        return _unreadable(f"{self._name} {key}")


def _unreadable(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
