"""Children that never outlive us: their own session, ended as a group by us, or by a guard when we are gone.

The death signal of Linux (`PR_SET_PDEATHSIG`) is not enough for frameworks: it reaches the first process alone, once,
and `vllm serve` loses a SIGTERM that comes while it starts.
"""

import ctypes
import os
import signal
import subprocess
from pathlib import Path

PR_SET_PDEATHSIG = 1  # for workers that are one process and may end at once

# Its input ends when the process that started it is gone. Then the group has some time to end by itself.
GUARD = """
while read -r _; do :; done
kill -s TERM -- "-$1" 2>/dev/null
for _ in $(seq "$2"); do kill -s 0 -- "-$1" 2>/dev/null || exit 0; sleep 1; done
kill -s KILL -- "-$1" 2>/dev/null
"""
PATIENCE = 15  # seconds between SIGTERM and SIGKILL


def die_with_parent(sig: signal.Signals) -> None:
    """For a process that has just been started."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, sig)


class Child(subprocess.Popen):
    guard: subprocess.Popen


def start(command: list[str], log: Path, env: dict[str, str] | None = None) -> Child:
    """The command with all its output in `log`; `stop` it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as sink:
        child = Child(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
    guard = ["sh", "-c", GUARD, "guard", str(child.pid), str(PATIENCE)]
    child.guard = subprocess.Popen(guard, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
    return child


def stop(child: Child, patience: float = PATIENCE) -> None:
    """End the whole group: frameworks leave workers and engines behind their first process."""
    for sig in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, sig)
            child.wait(timeout=patience)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
    child.wait()
    child.guard.kill()
    child.guard.communicate()


def tail(log: Path, lines: int = 20) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
