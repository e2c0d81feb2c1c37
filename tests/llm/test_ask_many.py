import asyncio
from collections.abc import Iterator

import pytest

from firsthand.llm.ask_many import share


def test_one_failure_ends_the_others_where_they_are() -> None:
    """What is asked for is paid for: it is waited for, and nothing new is begun."""
    begun, ended = list[int](), list[int]()

    async def work(item: int, _: int) -> None:
        begun.append(item)
        if item == 1:
            await asyncio.sleep(0.01)
            raise ZeroDivisionError
        await asyncio.sleep(0.05)
        ended.append(item)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(share(range(100), work, workers=4))
    assert begun == [0, 1, 2, 3] and ended == [0, 2, 3]


def test_items_that_cannot_be_read_are_a_failure() -> None:
    ended = list[int]()

    def items() -> Iterator[int]:
        yield 0
        raise ValueError("row 1 is broken")

    async def work(item: int, _: int) -> None:
        await asyncio.sleep(0.01)
        ended.append(item)

    with pytest.raises(ValueError, match="row 1"):
        asyncio.run(share(items(), work, workers=3))
    assert ended == [0]


def test_an_interrupted_run_waits_for_nothing() -> None:
    async def work(item: int, _: int) -> None:
        await asyncio.sleep(60)

    async def interrupted() -> None:
        await asyncio.wait_for(share(range(9), work, workers=3), timeout=0.05)

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(interrupted())
