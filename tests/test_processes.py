"""Children, their own children and what they start later are gone when we are, however we ended."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from firsthand import processes

# As `vllm serve` does while it starts, the first process lets a SIGTERM pass; its child has never heard of us.
STUBBORN = "trap '' TERM; sleep 300 & echo $! > grandchild; while :; do sleep 1; done"
OBEDIENT = "sleep 300 & echo $! > grandchild; wait"
OWNER = """
import sys, time
from pathlib import Path
from firsthand import processes
processes.PATIENCE = 1
child = processes.start(["bash", "-c", sys.argv[1]], Path("log"))
Path("child").write_text(f"{child.pid}\\n")
time.sleep(300)
"""


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(true: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def pid_in(file: Path) -> int:
    wait_until(lambda: file.exists() and file.read_text().endswith("\n"))
    return int(file.read_text())


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("script", [STUBBORN, OBEDIENT])
def test_nothing_is_left_of_a_killed_owner(tmp_path: Path, script: str, ending: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER, script], cwd=tmp_path) as owner:
        started = [pid_in(tmp_path / name) for name in ("child", "grandchild")]
        assert all(map(alive, started))
        owner.send_signal(ending)
    wait_until(lambda: not any(map(alive, started)))


def test_nothing_is_left_of_a_stopped_child_and_its_guard(tmp_path: Path) -> None:
    command = ["bash", "-c", f"cd {tmp_path}; {STUBBORN}"]
    child = processes.start(command, tmp_path / "log")
    started = [child.pid, pid_in(tmp_path / "grandchild"), child.guard.pid]
    assert all(map(alive, started))
    processes.stop(child, patience=0.2)
    wait_until(lambda: not any(map(alive, started)))
    assert child.returncode == -signal.SIGKILL


def test_a_child_that_ended_by_itself_keeps_its_code(tmp_path: Path) -> None:
    child = processes.start(["bash", "-c", "echo said; exit 3"], tmp_path / "log")
    child.wait()
    processes.stop(child)
    assert child.returncode == 3 and processes.tail(tmp_path / "log") == "said"
    assert not alive(child.guard.pid)
