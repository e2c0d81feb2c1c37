"""How many questions a server gets at once: as many as make it faster, and fewer when it says that it has too many.

The number grows with each round of answers and is halved when the server refuses (429, 503) or a request times out.
Where more questions at once bring no more answers a second, they only wait in the server's queue, and the number goes
back to where it paid. What was too much is not tried again for a while.

A server that was there and is gone is waited for: a request that found nobody was not lost, and it costs no try.
"""

import asyncio
import logging
import time
from typing import Any, NamedTuple

from openai import DefaultAsyncHttpxClient

log = logging.getLogger(__name__)
START = 4  # at once, at first
PAYS = 0.3  # of the speed that twice as many questions would bring if each one took as long as before
ROUND = 3  # answers for each question at once, because they come in bursts
PROBE = 5  # rounds until more is tried again
PAUSE = 1.0  # seconds until a server that is gone is looked for again
TOO_MANY = (429, 503)


class Paid(NamedTuple):
    """A number of questions at once, and the answers a second that it brought."""

    limit: int
    rate: float


class Slots:
    """As many may be inside as the throttle says now."""

    def __init__(self, throttle: "Throttle"):
        self.throttle, self.open, self._changed = throttle, 0, asyncio.Condition()

    async def __aenter__(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self.open < self.throttle.limit)
            self.open += 1

    async def __aexit__(self, *_: object) -> None:
        async with self._changed:
            self.open -= 1
            self._changed.notify_all()


class Throttle:
    """Questions and requests have slots of their own: a question that holds several requests is one question."""

    def __init__(self, most: int, patience: float = 0.0):
        self.most, self.patience = most, patience  # seconds that a server may be gone
        self.limit = min(START, most)
        self.questions, self.requests = Slots(self), Slots(self)
        self.refused = 0
        self._ceiling = most  # more was too much, or did not pay
        self._doubling = True  # until the first trouble
        self._paid = Paid(1, 0.0)
        self._answers, self._since = 0, 0.0  # of this round
        self._doubted = False  # the last round was slow
        self._rounds_at_ceiling = 0
        self._from_before = self.limit  # answers that say nothing: the first ones, and those asked for before a change
        self._known, self._gone_since = False, 0.0

    def answered(self, now: float) -> None:
        """At this second."""
        if self._from_before:
            self._from_before, self._since = self._from_before - 1, now
            return
        self._answers += 1
        if self._answers >= ROUND * self.limit:
            self._end_round(self._answers / max(now - self._since, 1e-6))
            self._answers, self._since = 0, now

    def too_many(self) -> None:
        self.refused += 1
        if self._from_before:
            self._from_before -= 1
            return
        self._stop_at(max(1, self.limit - 1))
        self._go_on_with(self.limit // 2)
        self._paid = Paid(1, 0.0)

    def _end_round(self, rate: float) -> None:
        more = self.limit / self._paid.limit
        half_more = more >= 1.5
        if half_more and rate < (1 + PAYS * (more - 1)) * self._paid.rate:
            if self._doubted:
                self._stop_at(self._paid.limit)
                self._go_on_with(self._paid.limit)
            self._doubted = not self._doubted  # one slow round may be chance
            return
        self._doubted = False
        if half_more or more <= 1:
            self._paid = Paid(self.limit, rate)
        if self.limit >= self._ceiling:
            self._rounds_at_ceiling += 1
            if self._rounds_at_ceiling >= PROBE:
                self._ceiling, self._rounds_at_ceiling = self._ceiling + max(1, self._ceiling // 4), 0
        self._go_on_with(2 * self.limit if self._doubling else self.limit + 1)

    def _go_on_with(self, limit: int) -> None:
        limit = max(1, min(limit, self._ceiling, self.most))
        if limit != self.limit:
            self.limit, self._from_before = limit, self.requests.open
        self._answers = 0

    def _stop_at(self, limit: int) -> None:
        self._ceiling, self._doubling, self._rounds_at_ceiling = limit, False, 0

    def here(self) -> None:
        self._known, self._gone_since = True, 0.0

    async def returns(self) -> bool:
        """Waits a moment for a server that was there; False when its time is up, or when it was never there."""
        now = time.monotonic()
        if self._known and not self._gone_since:
            self._gone_since = now
            log.warning("the server is gone; it is waited for, %.0f seconds at most", self.patience)
        if not self._known or now - self._gone_since >= self.patience:
            return False
        await asyncio.sleep(PAUSE)
        return True


class ThrottledClient(DefaultAsyncHttpxClient):
    """The HTTP client of an OpenAI client; it alone sees every single try, and how the server took it."""

    def __init__(self, throttle: Throttle, **options: Any):
        super().__init__(**options)
        self.throttle = throttle

    async def send(self, request: Any, **options: Any) -> Any:
        async with self.throttle.requests:
            while True:
                try:
                    return await self._try(request, **options)
                except Exception as error:
                    if not _is("ConnectError", error) or not await self.throttle.returns():
                        raise

    async def _try(self, request: Any, **options: Any) -> Any:
        try:
            response = await super().send(request, **options)
        except Exception as error:
            if _is("TimeoutException", error) and not _is("ConnectTimeout", error):
                self.throttle.too_many()
            raise
        self.throttle.here()
        if response.status_code in TOO_MANY:
            self.throttle.too_many()
        elif response.is_success and request.method == "POST":
            self.throttle.answered(time.monotonic())
        return response


def _is(name: str, error: Exception) -> bool:
    """By name: the openai client stands on httpx or on httpx2, by its version."""
    return any(kind.__name__ == name for kind in type(error).__mro__)
