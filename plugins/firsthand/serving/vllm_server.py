"""Start `vllm serve` as a child process, wait until it answers, and leave nothing behind.

The command is the one a user would type (`launch/serve.sh` types it); only the settings that a CPU needs are added, and
only on a machine without a GPU.
"""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firsthand import processes
from firsthand.errors import UserError
from firsthand.recipe import model_names

CPU_ENV = {
    "VLLM_TARGET_DEVICE": "cpu",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # with the executor "uni", the engine runs the model: one process less
}


def serve_command(model: Path | str, name: str, port: int, max_model_len: int | None, extra: list[str]) -> list[str]:
    script = Path(sys.executable).with_name("vllm")
    vllm = str(script) if script.exists() else shutil.which("vllm") or "vllm"
    command = [vllm, "serve", str(model), "--served-model-name", name, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--max-model-len", str(max_model_len or "auto")]  # auto: the model's own, or what fits into memory
    if not on_gpu():
        precision = ["bfloat16", "--mamba-ssm-cache-dtype", "float32"] if in_bfloat16(model) else ["float32"]
        command += ["--enforce-eager", "--dtype", *precision, "--max-num-seqs", "32"]
        command += ["--distributed-executor-backend", "uni"]
    return command + extra


def in_bfloat16(model: Path | str) -> bool:
    """What vLLM computes in: on a GPU as the model says, on a CPU float32, but for Qwen3.5's gated delta layers."""
    return on_gpu() or (model_names.family(str(model)) or [""])[0] == "Qwen3.5"


def on_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@contextmanager
def vllm_server(
    model: Path | str, name: str, log: Path, max_model_len: int | None = None, extra: list[str] | None = None
) -> Iterator[str]:
    """Yields the base URL of a running server; the whole process group ends with the block."""
    port = free_port()
    command = serve_command(model, name, port, max_model_len, extra or [])
    child = processes.start(command, log, {} if on_gpu() else CPU_ENV)
    try:
        _wait_ready(child, port, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        processes.stop(child)


def _wait_ready(child: subprocess.Popen, port: int, log: Path, seconds: int = 600) -> None:
    deadline = time.monotonic() + seconds
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy does not reach this machine
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise UserError(f"vllm serve ended with code {child.returncode}; the end of {log}:\n{processes.tail(log)}")
        try:
            with direct.open(f"http://127.0.0.1:{port}/health", timeout=2):
                return
        except OSError:
            time.sleep(0.5)
    raise UserError(f"vllm serve did not answer within {seconds} s; see {log}")
