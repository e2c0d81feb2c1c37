"""Waiting for a server that was started on this machine."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from firsthand.serving import vllm_server
from firsthand.serving.vllm_server import _wait_ready


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


def test_a_proxy_of_the_environment_does_not_stand_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with HTTPServer(("127.0.0.1", 0), Healthy) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        child: Any = SimpleNamespace(poll=lambda: None)
        _wait_ready(child, server.server_port, tmp_path / "log", seconds=5)
        server.shutdown()


def test_a_gpu_computes_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """So `firsthand export --verify` judges it with the tie of bfloat16."""
    for on_gpu, model, expected in (
        (True, "models/tiny_qwen3_vl", True),
        (False, "models/tiny_qwen3_vl", False),
        (False, "models/tiny_qwen3_5", True),
    ):
        monkeypatch.setattr(vllm_server, "on_gpu", lambda given=on_gpu: given)
        assert vllm_server.in_bfloat16(Path(__file__).parents[2] / model) is expected
