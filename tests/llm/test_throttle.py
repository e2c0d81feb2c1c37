"""Servers that refuse, queue, do everything at once, or die: how many questions they get at once.

Speeds are those of a simulated time, in which only the server takes any; on a busy machine everything does."""

import asyncio
import importlib
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from firsthand.llm import client, throttle
from firsthand.llm.ask_many import Pace, Summary, ask_all
from firsthand.llm.client import Settings, complete
from firsthand.llm.throttle import Throttle

SETTINGS = Settings(model="tiny")
TAKES = 0.12  # seconds of an answer
BASE = throttle.DefaultAsyncHttpxClient.__mro__[1].__module__
library = importlib.import_module(BASE.partition(".")[0])  # httpx or httpx2, by the version of openai


class Item(NamedTuple):
    id: str
    messages_sha256: str = ""


def ask(url: str, out: Path, count: int, settings: Settings = SETTINGS, **pace: Any) -> Summary:
    items = {f"q{i}": Item(f"q{i}") for i in range(count)}

    async def answer(client: Any, item: Item) -> dict[str, Any]:
        reply = await complete(client, {"messages": [{"role": "user", "content": item.id}]}, settings)
        return {"id": item.id, "messages_sha256": "", "settings": settings.model_dump(), "output": reply.output}

    return asyncio.run(ask_all(items, answer, out, url, settings, Pace(**pace)))


class SimulatedTime(asyncio.SelectorEventLoop):
    """Waits are over at once, and the clock says that they were not."""

    now = 0.0

    def __init__(self) -> None:
        super().__init__()
        wait = self._selector.select

        def select(seconds: float | None = None) -> Any:
            self.now += seconds or 0.0
            return wait(0)

        self._selector.select = select

    def time(self) -> float:
        return self.now


class Server:
    """Works on `room` requests at once, `TAKES` seconds each; the others wait in its queue, or are refused."""

    def __init__(self, room: int, refuses: bool):
        self.places, self.refuses = asyncio.Semaphore(room), refuses
        self.refused = self.inside = self.most = 0

    async def __call__(self, request: Any) -> Any:
        if request.method == "GET":
            return library.Response(200, json={"object": "list", "data": [{"id": "tiny", "object": "model"}]})
        if self.refuses and self.places.locked():
            self.refused += 1
            return library.Response(429, json={"error": {"message": "too many"}})
        self.inside += 1
        self.most = max(self.most, self.inside)
        async with self.places:
            await asyncio.sleep(TAKES)
        self.inside -= 1
        choice = {"index": 0, "message": {"role": "assistant", "content": "B"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 7, "completion_tokens": 5}
        return library.Response(200, json={"choices": [choice], "usage": usage})


@pytest.fixture
def rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., float]:
    """Questions a second that this server answers; none of them fails."""

    def measure(server: Server, count: int, concurrency: int) -> float:
        loop = SimulatedTime()
        random.seed(0)  # of the client's waits between tries
        monkeypatch.setattr(throttle, "time", SimpleNamespace(monotonic=loop.time))
        connected = partial(throttle.ThrottledClient, transport=library.MockTransport(server))
        monkeypatch.setattr(client, "ThrottledClient", connected)
        monkeypatch.setattr(asyncio, "run", loop.run_until_complete)
        with closing(loop):
            summary = ask("http://simulated", tmp_path / f"{concurrency}.jsonl", count, concurrency=concurrency)
        assert summary.asked == count and not summary.failed
        return count / loop.now

    return measure


def test_a_server_that_does_much_at_once_gets_much(rate) -> None:
    wide = Server(64, refuses=False)
    assert rate(wide, 200, concurrency=32) > 10 * rate(Server(64, refuses=False), 10, concurrency=1)
    assert wide.most == 32


def test_a_server_that_refuses_is_not_overrun(rate) -> None:
    small = Server(4, refuses=True)
    assert rate(small, 120, concurrency=32) > 2.5 * rate(Server(4, refuses=True), 10, concurrency=1)
    assert 0 < small.refused <= 24  # without a throttle most of the first 32 are refused many times


def test_a_queue_is_not_filled(rate) -> None:
    queueing = Server(4, refuses=False)
    assert rate(queueing, 120, concurrency=32) > 2.5 * rate(Server(4, refuses=False), 10, concurrency=1)
    assert 4 < queueing.most <= 16


def rounds(gate: Throttle, seconds: float, now: float = 0.0) -> float:
    """As many answers as are let in now, one after the other within these seconds; the first ones count for nothing."""
    waiting = throttle.ROUND * gate.limit + gate._from_before
    for number in range(1, waiting + 1):
        gate.answered(now + seconds * number / gate.limit)
    return now + seconds * waiting / gate.limit


def test_the_number_by_hand() -> None:
    """4 at once in a second, then 8 in a second: that pays. 16 take two seconds, twice: as fast as 8, so 8 it is."""
    gate, now = Throttle(64), 0.0
    for expected, seconds in ((4, 1.0), (8, 1.0), (16, 2.0), (16, 2.0), (8, 1.0)):
        assert gate.limit == expected
        now = rounds(gate, seconds, now)
    assert gate.limit == 8
    gate.too_many()
    assert (gate.limit, gate.refused) == (4, 1)
    for limit in (4, 5, 6, 7, 7):
        assert gate.limit == limit
        now = rounds(gate, 1.0, now)


def test_never_less_than_one_nor_more_than_most() -> None:
    gate, now = Throttle(3), 0.0
    for _ in range(9):
        gate.too_many()
    assert gate.limit == 1
    for _ in range(200):
        now = rounds(gate, 1.0, now)
    assert gate.limit == 3


SERVER = """
import itertools, json, os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

numbers = itertools.count(1)

class Chat(BaseHTTPRequestHandler):
    def do_GET(self):
        self.say({"object": "list", "data": [{"id": "tiny", "object": "model"}]})
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"][0]["content"]
        if next(numbers) == int(sys.argv[3]):
            os._exit(1)
        time.sleep(0.05)
        message = {"role": "assistant", "content": asked}
        usage = {"prompt_tokens": 1, "completion_tokens": 1}
        self.say({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage})
        with open(sys.argv[2], "a") as file:
            file.write(asked + "\\n")
    def say(self, content):
        payload = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)
    def log_message(self, *_):
        pass

ThreadingHTTPServer.allow_reuse_address = True
server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Chat)
print(server.server_port, flush=True)
server.serve_forever()
"""


def start(port: int, said: Path, dies_at: int = 0) -> tuple[subprocess.Popen, int]:
    command = [sys.executable, "-c", SERVER, str(port), str(said), str(dies_at)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    return process, int(process.stdout.readline())


def test_a_server_that_dies_and_returns_costs_tries_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "PAUSE", 0.1)
    out, said = tmp_path / "out.jsonl", tmp_path / "said"
    first, port = start(0, said, dies_at=20)
    servers = [first]

    def another() -> None:
        first.wait()
        time.sleep(1.5)  # one try, half a second later, would find nobody
        servers.append(start(port, said)[0])

    returning = threading.Thread(target=another)
    returning.start()
    try:
        summary = ask(f"http://127.0.0.1:{port}", out, 60, concurrency=4, retries=1, patience=300)
        returning.join()
    finally:
        for process in servers:
            process.kill()
            process.wait()
    assert len(servers) == 2 and (summary.asked, summary.failed) == (60, {})
    assert out.read_bytes().count(b"\n") == 60
    again = Counter(said.read_text().split())
    assert set(again) == {f"q{i}" for i in range(60)} and again.total() <= 60 + 4  # what was in flight as it died


def test_a_server_that_stays_away_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "PAUSE", 0.1)
    out = tmp_path / "out.jsonl"
    process, port = start(0, tmp_path / "said", dies_at=8)
    summary = ask(f"http://127.0.0.1:{port}", out, 30, concurrency=4, retries=0, patience=0.5)
    process.wait()
    assert 4 <= summary.asked < 8 and summary.asked + len(summary.failed) == 30
    assert "Connection error" in next(iter(summary.failed.values()))
