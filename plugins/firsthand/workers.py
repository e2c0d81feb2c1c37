"""A function over many items in several processes: results in order, few items in flight, no child outlives us."""

import gc
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TypeVar

from firsthand.errors import UserError
from firsthand.processes import die_with_parent

Item = TypeVar("Item")
Result = TypeVar("Result")
AHEAD = 4  # items a worker has before it


def mapped(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """What `function` reads from module globals is inherited: set them before."""
    if workers == 1:
        yield from map(function, items)
        return
    try:
        with ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), _begin) as pool:
            waiting: deque = deque()
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
    except BrokenProcessPool:
        raise UserError(
            "a worker process was killed, as Linux does when memory runs out; free some, or use fewer processes "
            "(--workers 1, where the command has it, or `taskset -c 0` before it)"
        ) from None


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _begin() -> None:
    die_with_parent(signal.SIGTERM)
    gc.freeze()  # what was inherited is never searched again, nor copied by that
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def default_workers() -> int:
    return min(len(os.sched_getaffinity(0)), 8)
