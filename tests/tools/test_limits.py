"""Deadlines, retries, the breaker and the shared rate limit, on a clock that only the test moves."""

import asyncio
import multiprocessing
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from firsthand.llm.faults import Busy, Unavailable
from firsthand.tools.limits import Breaker, Guard, KeyPool, Paused, Places, RateLimit
from firsthand.tools.protocol import WrongArguments


class Time:
    def __init__(self) -> None:
        self.now, self.slept = 1000.0, []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


def guard(time: Time, retries: int = 2, faults: int = 5) -> Guard:
    return Guard(retries, 0.5, Breaker(faults, 30.0, time), time, time.sleep)


def script(*ends: Exception | str) -> Callable[[], Awaitable[str]]:
    """Work that ends as told, one end a try."""
    left = iter(ends)

    async def work() -> str:
        end = next(left)
        if isinstance(end, Exception):
            raise end
        return end

    return work


def run(guard: Guard, *ends: Exception | str, seconds: float = 60.0) -> str:
    return asyncio.run(guard.run(script(*ends), seconds))


def test_a_fault_is_tried_again_and_the_pauses_grow(time: Time) -> None:
    assert run(guard(time), Unavailable("x"), Unavailable("y"), "answer") == "answer"
    first, second = time.slept
    assert 0.25 <= first <= 0.75 and 0.5 <= second <= 1.5


def test_retries_are_bounded(time: Time) -> None:
    with pytest.raises(Unavailable, match="third"):
        run(guard(time), Unavailable("first"), Unavailable("second"), Unavailable("third"), "never")


def test_the_wish_of_the_service_is_heeded(time: Time) -> None:
    run(guard(time), Unavailable("x", retry_after=7.0), "answer")
    assert time.slept == [7.0]


def test_a_wait_that_would_pass_the_deadline_is_not_begun(time: Time) -> None:
    with pytest.raises(Unavailable):
        run(guard(time), Unavailable("x", retry_after=100.0), "never", seconds=60.0)
    assert time.slept == []


def test_our_own_limit_is_no_fault_however_often(time: Time) -> None:
    full = guard(time, retries=0, faults=1)
    assert run(full, *[Busy("full", 0.5)] * 20, "answer") == "answer"
    assert not full.breaker.is_open


def test_a_mistake_of_the_model_is_not_tried_again(time: Time) -> None:
    with pytest.raises(WrongArguments):
        run(guard(time), WrongArguments("no"), "never")


def test_work_that_hangs_ends_at_its_deadline_and_counts() -> None:
    hanging = Guard(breaker=Breaker(faults=1))

    async def hang() -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        asyncio.run(hanging.run(hang, 0.05))
    assert hanging.breaker.is_open


def test_a_cancelled_call_is_not_a_fault_of_the_service() -> None:
    cancelled = Guard(breaker=Breaker(faults=1))

    async def cancel_soon() -> None:
        task = asyncio.create_task(cancelled.run(asyncio.Event().wait, 60.0))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel_soon())
    assert not cancelled.breaker.is_open


def test_breaker_opens_lets_one_probe_through_and_closes(time: Time) -> None:
    broken = guard(time, retries=0, faults=2)
    for _ in range(2):
        with pytest.raises(Unavailable):
            run(broken, Unavailable("down"))
    with pytest.raises(Paused):
        run(broken, "never")
    time.now += 30.0
    assert run(broken, "answer") == "answer"
    assert not broken.breaker.is_open
    with pytest.raises(Unavailable):
        run(broken, Unavailable("one fault does not open it again"))
    assert run(broken, "answer") == "answer"


def test_a_failed_probe_opens_it_for_another_while(time: Time) -> None:
    broken = guard(time, retries=0, faults=1)
    with pytest.raises(Unavailable):
        run(broken, Unavailable("down"))
    time.now += 30.0
    with pytest.raises(Unavailable, match="still"):
        run(broken, Unavailable("still down"))
    time.now += 29.0
    with pytest.raises(Paused):
        run(broken, "never")


def test_half_open_lets_only_one_call_probe(time: Time) -> None:
    breaker = Breaker(1, 30.0, time)
    with pytest.raises(Unavailable), breaker.watch():
        raise Unavailable("down")
    time.now += 30.0
    with breaker.watch(), pytest.raises(Paused), breaker.watch():
        pass
    with breaker.watch(), breaker.watch():
        pass  # closed: any number


def test_a_probe_that_is_cancelled_gives_its_place_back(time: Time) -> None:
    breaker = Breaker(1, 30.0, time)
    with pytest.raises(Unavailable), breaker.watch():
        raise Unavailable("down")
    time.now += 30.0
    with pytest.raises(asyncio.CancelledError), breaker.watch():
        raise asyncio.CancelledError
    with breaker.watch():
        pass
    assert not breaker.is_open


def test_rate_limit_allows_a_burst_and_then_its_rate(tmp_path: Path, time: Time) -> None:
    limit = RateLimit(tmp_path / "limits.sqlite", per_minute=60, burst=3, now=time)
    assert [limit.take("a") for _ in range(5)] == [0, 0, 0, 1.0, 1.0]
    assert limit.take("b") == 0
    time.now += 0.6
    assert limit.take("a") == pytest.approx(0.4)
    time.now += 0.4
    assert limit.take("a") == 0


def test_a_rest_holds_whatever_the_burst_and_is_never_shortened(tmp_path: Path, time: Time) -> None:
    limit = RateLimit(tmp_path / "limits.sqlite", per_minute=600, burst=5, now=time)
    limit.rest("a", 20.0)
    limit.rest("a", 5.0)
    assert limit.take("a") == pytest.approx(20.0)
    time.now += 20.0
    assert limit.take("a") == 0


def test_no_limit_still_knows_rests(tmp_path: Path, time: Time) -> None:
    limit = RateLimit(tmp_path / "limits.sqlite", per_minute=float("inf"), now=time)
    assert {limit.take("a") for _ in range(50)} == {0}
    limit.rest("a", 3.0)
    assert limit.take("a") == pytest.approx(3.0)


def _take(path: Path, tries: int) -> int:
    limit = RateLimit(path, per_minute=0.001, burst=25)  # nothing is refilled while the test runs
    return sum(not limit.take("key") for _ in range(tries))


def test_processes_count_together(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(4) as pool:
        taken = pool.starmap(_take, [(tmp_path / "limits.sqlite", 20)] * 4)
    assert sum(taken) == 25


def _take_and_die(path: Path) -> None:
    import os
    import signal

    limit = RateLimit(path, per_minute=60)
    with limit._transaction() as database:
        database.execute("INSERT OR REPLACE INTO paid VALUES ('key', 1e12)")
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "limits.sqlite"
    killed = multiprocessing.get_context("fork").Process(target=_take_and_die, args=(path,))
    killed.start()
    killed.join()
    assert killed.exitcode == -9
    assert Counter(RateLimit(path, per_minute=60).take(name) for name in ("key", "other")) == {0.0: 2}


def pool(path: Path, now: list[float], *secrets: str) -> KeyPool:
    return KeyPool("service", secrets, RateLimit(path / "limits.sqlite", 60, burst=1, now=lambda: now[0]))


def test_keys_take_turns_and_then_the_pool_is_busy(tmp_path: Path) -> None:
    keys_left = pool(tmp_path, [0.0], "key-aaaa", "key-bbbb", "key-cccc")
    assert [keys_left.lease() for _ in range(3)] == ["key-aaaa", "key-bbbb", "key-cccc"]
    with pytest.raises(Busy) as busy:
        keys_left.lease()
    assert busy.value.retry_after == pytest.approx(1.0)


def test_a_resting_key_is_passed_over_by_every_process(tmp_path: Path) -> None:
    now = [0.0]
    mine, other = pool(tmp_path, now, "key-aaaa", "key-bbbb"), pool(tmp_path, now, "key-aaaa")
    mine.rest("key-aaaa", 60.0, "HTTP 429")
    assert mine.lease() == "key-bbbb"
    with pytest.raises(Busy):
        other.lease()
    now[0] = 60.0
    assert other.lease() == "key-aaaa"


def test_the_file_that_processes_share_holds_no_key(tmp_path: Path) -> None:
    pool(tmp_path, [0.0], "key-aaaa").lease()
    assert b"key-aaaa" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def rush(places: Places | None) -> list[str | BaseException]:
    """Forty calls at once of a service that takes 0.05 seconds for each, one after another; a call has 1.5 seconds."""

    async def main() -> list[str | BaseException]:
        serving = asyncio.Lock()

        async def work() -> str:
            async with serving:
                await asyncio.sleep(0.05)
            return "answer"

        calls = (Guard(breaker=Breaker(faults=99), places=places).run(work, 1.5) for _ in range(40))
        return await asyncio.gather(*calls, return_exceptions=True)

    return asyncio.run(main())


def test_the_wait_for_a_place_is_not_the_time_of_the_call(tmp_path: Path) -> None:
    assert Counter(map(type, rush(None)))[TimeoutError] >= 10
    assert rush(Places(tmp_path / "limits.sqlite", "service", 2)) == ["answer"] * 40


def _visit(path: Path, visits: int) -> list[tuple[float, float]]:
    import time

    async def one() -> tuple[float, float]:
        async with Places(path, "service", 3).held(60.0):
            came = time.monotonic()
            await asyncio.sleep(0.05)
            return came, time.monotonic()

    async def main() -> list[tuple[float, float]]:
        return await asyncio.gather(*(one() for _ in range(visits)))

    return asyncio.run(main())


def test_processes_share_the_places_of_a_service(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(3) as pool:
        visits = [one for some in pool.starmap(_visit, [(tmp_path / "limits.sqlite", 5)] * 3) for one in some]
    together = [sum(came <= moment < left for came, left in visits) for moment, _ in visits]
    assert len(visits) == 15 and 2 <= max(together) <= 3


def _take_a_place_and_die(path: Path) -> None:
    import os
    import signal

    assert Places(path, "service", 1, now=lambda: 1000.0).take("killed", 60.0)
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_process_holds_its_place_no_longer_than_its_call_could_last(tmp_path: Path, time: Time) -> None:
    path = tmp_path / "limits.sqlite"
    killed = multiprocessing.get_context("fork").Process(target=_take_a_place_and_die, args=(path,))
    killed.start()
    killed.join()
    places = Places(path, "service", 1, now=time)
    assert not places.take("mine", 60.0) and Places(path, "other", 1, now=time).take("theirs", 60.0)
    time.now += 60.0
    assert places.take("mine", 60.0)


def test_a_place_is_given_back_whatever_ends_the_call(tmp_path: Path) -> None:
    places = Places(tmp_path / "limits.sqlite", "http://user:secret@host", 1)

    async def hang() -> None:
        await asyncio.Event().wait()

    async def cancelled() -> None:
        task = asyncio.create_task(Guard(places=places).run(hang, 60.0))
        await asyncio.sleep(0.1)
        assert not places.take("another", 60.0)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(cancelled())
    with pytest.raises(TimeoutError):
        asyncio.run(Guard(places=places).run(hang, 0.05))
    assert places.take("another", 60.0)
    assert b"secret" not in places.path.read_bytes()
