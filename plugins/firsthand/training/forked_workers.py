"""Ray's workers as forks of one process that has imported veRL and vLLM already.

A run has half a dozen worker processes, and each spends about 12 seconds of a core on the same imports. On a machine of
two cores that is most of a short run. So the trainer starts one process, the source, which imports everything once; Ray
starts this file in place of Python for each worker, it hands its arguments, environment and output to the source, and
the source forks. The fork is the worker; this process waits and ends as it ends. What a worker starts by
`multiprocessing` (vLLM's engine) is forked in the same way.

Only for the CPU platform: a process that has touched a GPU cannot be forked.
"""

import fcntl
import importlib
import json
import os
import runpy
import selectors
import shlex
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

IMPORTS = (
    "verl.trainer.main_ppo",
    "verl.workers.engine_workers",
    "verl.workers.rollout.vllm_rollout.vllm_async_server",
    "verl.experimental.reward_loop",
    "firsthand.training.agent_loop",
    "firsthand.training.replay_buffer",
)
LARGEST = 1 << 20  # bytes of arguments and environment
MOST_HANDLES = 64
Workers = dict[int, socket.socket]  # process id -> whoever waits for it


def start_source(imports: Sequence[str] = IMPORTS) -> str:
    """Start the source of this process's run. Returns what Ray is to start instead of Python."""
    address = f"firsthand-workers-{os.getpid()}"
    os.environ.setdefault("RAY_worker_register_timeout_seconds", "600")  # the first worker waits for all imports
    subprocess.Popen([sys.executable, __file__, "source", address, *imports], stdin=subprocess.DEVNULL)
    return shlex.join(_program(address))


def _program(address: str) -> list[str]:
    return [sys.executable, "-IS", __file__, "worker", address]  # -S: whoever waits needs no package


def as_worker(address: str, arguments: list[str]) -> NoReturn:
    """Have the source fork, and end as the fork ends. Without a source, be the worker."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if client.connect_ex("\0" + address) or not _ours(client):
        os.execv(sys.executable, [sys.executable, *arguments])
    handles = [0, 1, 2]
    if arguments[0] == "-c":  # of multiprocessing: its pipes keep their numbers
        handles = [int(link.name) for link in Path("/proc/self/fd").iterdir() if link.exists()]
        handles.remove(client.fileno())
    job = {"arguments": arguments, "env": dict(os.environ), "folder": str(Path.cwd()), "handles": handles}
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LARGEST)
    socket.send_fds(client, [json.dumps(job).encode()], handles)
    code = client.recv(8)
    sys.exit(int(code) if code else 1)


def _ours(other_end: socket.socket) -> bool:
    """Any user of the machine can open the address; only the same one gets an answer."""
    _, user, _ = struct.unpack("3i", other_end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return user == os.getuid()


def as_source(address: str, imports: list[str]) -> NoReturn:
    """Fork for everybody who asks, until the trainer is gone."""
    _die_with_trainer()
    door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    door.bind("\0" + address)
    door.listen(64)
    workers: Workers = {}
    with selectors.DefaultSelector() as waiting:
        waiting.register(door, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select(0.1):
                if key.fileobj is door:
                    client, _ = door.accept()
                    if pid := _fork(address, client, door, workers, imports):
                        workers[pid] = client
                        waiting.register(client, selectors.EVENT_READ)
                else:  # whoever waited was killed
                    waiting.unregister(key.fileobj)
                    _kill(next(pid for pid, client in workers.items() if client is key.fileobj))
            _report_ends(workers, waiting)


def _fork(address: str, client: socket.socket, door: socket.socket, workers: Workers, imports: list[str]) -> int:
    message, handles, *_ = socket.recv_fds(client, LARGEST, MOST_HANDLES) if _ours(client) else (b"", [])
    if not message:  # another user, or a worker that was killed
        client.close()
        return 0
    job = json.loads(message)
    os.environ.clear()
    os.environ.update(job["env"])
    sys.path[0] = job["folder"]  # not the folder of this file
    _import(imports)
    pid = os.fork()
    if pid == 0:
        for other in (client, door, *workers.values()):
            other.close()
        _work(address, job, handles)
    for handle in handles:
        os.close(handle)
    return pid


def _import(names: list[str]) -> None:
    """With the environment of the first worker: Ray, vLLM and OpenMP read theirs as they are imported."""
    for name in names:
        with suppress(ImportError):  # then the worker that needs it says so
            importlib.import_module(name)


def _work(address: str, job: dict, handles: list[int]) -> NoReturn:
    _die_with_trainer()
    os.setpgid(0, 0)  # Ray ends a worker with its whole group
    apart = [fcntl.fcntl(handle, fcntl.F_DUPFD, 1000) for handle in handles]
    for handle, other in zip(job["handles"], apart, strict=True):
        os.dup2(other, handle)
    for handle in {*handles, *apart} - set(job["handles"]):
        os.close(handle)
    os.chdir(job["folder"])
    sys.argv = job["arguments"]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    if torch := sys.modules.get("torch"):  # it has read the environment of the first worker
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    if numpy := sys.modules.get("numpy"):  # or all workers would draw the same numbers
        numpy.random.seed()
    _fork_children_too(address)
    if sys.argv[0] == "-c":
        exec(sys.argv.pop(1))
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")
    sys.exit(0)


def _fork_children_too(address: str) -> None:
    from multiprocessing import util

    start = util.spawnv_passfds

    def spawnv_passfds(path, args, passfds):
        if args[-1] == "--multiprocessing-fork":
            args = [*_program(address), *args[args.index("-c") :]]
        return start(path, args, passfds)

    util.spawnv_passfds = spawnv_passfds


def _report_ends(workers: Workers, waiting: selectors.BaseSelector) -> None:
    while workers:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        client = workers.pop(pid)
        with suppress(KeyError):
            waiting.unregister(client)
        with suppress(OSError):
            client.send(str(abs(os.waitstatus_to_exitcode(status))).encode())
        client.close()


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _die_with_trainer() -> None:
    from firsthand.processes import die_with_parent  # whoever only waits has no packages

    die_with_parent(signal.SIGKILL)


if __name__ == "__main__":
    role, its_address, *rest = sys.argv[1:]
    {"source": as_source, "worker": as_worker}[role](its_address, rest)
