"""A real vLLM server is killed in the middle of a run, and comes back at the same address."""

import threading
from pathlib import Path

import pytest

from firsthand import processes
from firsthand.files import read_jsonl
from firsthand.llm.client import Settings
from firsthand.serving import vllm_server

from .test_throttle import ask

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(1800)]
MODEL = Path(__file__).parents[2] / "models/tiny_qwen2_5"
COUNT, KILLED_AFTER = 400, 60


def test_a_killed_vllm_that_returns_costs_tries_only(tmp_path: Path) -> None:
    pytest.importorskip("vllm")
    port, out = vllm_server.free_port(), tmp_path / "out.jsonl"
    command = vllm_server.serve_command(MODEL, "tiny", port, 512, [])

    def start(name: str) -> processes.Child:
        return processes.start(command, tmp_path / name, {} if vllm_server.on_gpu() else vllm_server.CPU_ENV)

    servers, ended = [start("first")], threading.Event()
    vllm_server._wait_ready(servers[0], port, tmp_path / "first")

    def kill_and_return() -> None:
        while not ended.wait(0.01):
            if out.exists() and out.read_bytes().count(b"\n") >= KILLED_AFTER:
                processes.stop(servers[0], patience=0)
                servers.append(start("second"))
                return

    killer = threading.Thread(target=kill_and_return)
    killer.start()
    try:
        settings = Settings(model="tiny", max_tokens=16)
        summary = ask(f"http://127.0.0.1:{port}", out, COUNT, settings, concurrency=8, retries=1, patience=900)
    finally:
        ended.set()
        killer.join()
        for server in servers:
            processes.stop(server)
    assert len(servers) == 2, "it answered everything before it was killed"
    assert (summary.asked, summary.failed) == (COUNT, {})
    answered = [row["id"] for row in read_jsonl(out)]
    assert len(answered) == len(set(answered)) == COUNT
