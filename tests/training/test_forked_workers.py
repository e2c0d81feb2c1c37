"""Forks of one process in place of Python: the same program, arguments, environment, output and end."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

PROGRAM = """
import os, sys
print(sys.argv[1:], os.environ["NAME"], os.getcwd(), "wave" in sys.modules, __name__, os.getpgrp() == os.getpid())
print(sys.path[0])
if "wait" in sys.argv:
    input()
sys.exit(7)
"""
TRAINER = """
import time
from firsthand.training.forked_workers import start_source
print(start_source(["nowhere_to_be_found", "wave"]), flush=True)
time.sleep(100)
"""


@pytest.fixture
def trainer() -> Iterator[subprocess.Popen]:
    process = subprocess.Popen([sys.executable, "-c", TRAINER], stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def command(trainer, tmp_path: Path) -> list[str]:
    (tmp_path / "program.py").write_text(PROGRAM)
    source_is_up = time.monotonic() + 120
    command = shlex.split(trainer.stdout.readline())
    while command[-1] not in Path("/proc/net/unix").read_text():
        assert time.monotonic() < source_is_up
        time.sleep(0.05)
    return [*command, str(tmp_path / "program.py")]


def run(command: list[str], folder: Path, name: str) -> subprocess.CompletedProcess:
    env = os.environ | {"NAME": name}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)


def test_a_fork_is_the_program_with_all_that_belongs_to_it(command, tmp_path: Path) -> None:
    for name in ("one", "two"):
        done = run([*command, name, "--option"], tmp_path, name)
        assert done.returncode == 7 and not done.stderr
        assert done.stdout == f"['{name}', '--option'] {name} {tmp_path} True __main__ True\n{tmp_path}\n"


def test_without_a_source_the_program_runs_all_the_same(command, trainer, tmp_path: Path) -> None:
    trainer.kill()
    trainer.wait()
    while command[4] in Path("/proc/net/unix").read_text():
        time.sleep(0.05)
    done = run([*command, "alone"], tmp_path, "alone")
    assert done.returncode == 7 and "['alone'] alone" in done.stdout and "False" in done.stdout


CHILDREN = """
import multiprocessing, os, sys

def child(queue):
    queue.put(("wave" in sys.modules, os.environ["NAME"]))

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=child, args=(queue,))
    process.start()
    print(queue.get(timeout=120))
    process.join()
    print(process.exitcode)
"""


def test_a_child_of_a_fork_is_a_fork_too(command, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(CHILDREN)
    done = run(command, tmp_path, "parent")
    assert (done.returncode, done.stdout) == (0, "(True, 'parent')\n0\n"), done.stderr


def test_another_user_gets_no_fork_and_a_caller_that_says_nothing_does_no_harm(command, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as silent:
        silent.connect("\0" + command[4])
    if os.getuid() == 0:
        if (child := os.fork()) == 0:
            os.setuid(65534)
            other = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            other.connect("\0" + command[4])
            os._exit(0 if other.recv(8) == b"" else 1)
        assert os.waitpid(child, 0)[1] == 0
    assert run([*command, "still"], tmp_path, "still").returncode == 7


@pytest.mark.parametrize("killed", ["trainer", "client"])
def test_no_fork_outlives_the_trainer_or_whoever_waits_for_it(command, trainer, tmp_path: Path, killed: str) -> None:
    client = subprocess.Popen(
        [*command, "wait"], cwd=tmp_path, env=os.environ | {"NAME": "x"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert client.stdout and client.stdout.readline()
    [source] = psutil.Process(trainer.pid).children()
    [fork] = source.children()
    os.kill(trainer.pid if killed == "trainer" else client.pid, signal.SIGKILL)
    fork.wait(60)
    client.communicate(timeout=60)
    assert client.returncode not in (0, None)
