"""Several processes, and what becomes of the work when one of them is killed."""

import os
import signal

import pytest

from firsthand.errors import UserError
from firsthand.workers import mapped


def doubled(number: int) -> int:
    if number == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def test_results_come_in_order() -> None:
    assert list(mapped(doubled, range(7), 2)) == [0, 2, 4, 6, 8, 10, 12]


def test_a_killed_worker_is_one_message() -> None:
    with pytest.raises(UserError, match="a worker process was killed, as Linux does when memory runs out"):
        list(mapped(doubled, range(20), 2))
