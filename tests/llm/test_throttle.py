"""Servers over real HTTP that refuse, queue, do everything at once, or die: how many questions they get at once."""

import asyncio
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from firsthand.llm import throttle
from firsthand.llm.ask_many import Pace, Summary, ask_all
from firsthand.llm.client import Settings, complete
from firsthand.llm.throttle import Throttle

SETTINGS = Settings(model="tiny")
TAKES = 0.12  # seconds of an answer


class Item(NamedTuple):
    id: str
    messages_sha256: str = ""


def ask(url: str, out: Path, count: int, settings: Settings = SETTINGS, **pace: Any) -> tuple[Summary, float]:
    """The summary, and questions a second."""
    items = {f"q{i}": Item(f"q{i}") for i in range(count)}

    async def answer(client: Any, item: Item) -> dict[str, Any]:
        reply = await complete(client, {"messages": [{"role": "user", "content": item.id}]}, settings)
        return {"id": item.id, "messages_sha256": "", "settings": settings.model_dump(), "output": reply.output}

    start = time.monotonic()
    summary = asyncio.run(ask_all(items, answer, out, url, settings, Pace(**pace)))
    return summary, count / (time.monotonic() - start)


@pytest.fixture
def server(chat_server) -> Any:
    """Works on `room` requests at once; the others wait in its queue, or are refused."""

    def start(room: int, refuses: bool) -> Any:
        lock, places = threading.Lock(), threading.Semaphore(room)

        def answer(chat: Any, body: dict[str, Any]) -> None:
            if refuses and not places.acquire(blocking=False):
                found.refused += 1
                chat.send(429, {"error": {"message": "too many"}})
                return
            with lock:
                found.inside += 1
                found.most = max(found.most, found.inside)
            if not refuses:
                places.acquire()
            time.sleep(TAKES)
            places.release()
            with lock:
                found.inside -= 1
            chat.complete("B")

        found = chat_server(answer, refused=0, inside=0, most=0)
        return found

    return start


def test_a_server_that_does_much_at_once_gets_much(server, tmp_path: Path) -> None:
    one = ask(server(64, False).url, tmp_path / "one.jsonl", 10, concurrency=1)[1]
    wide = server(64, False)
    many = ask(wide.url, tmp_path / "many.jsonl", 200, concurrency=32)[1]
    assert many > 3 * one and wide.most > 12


def test_a_server_that_refuses_is_not_overrun(server, tmp_path: Path) -> None:
    one = ask(server(4, True).url, tmp_path / "one.jsonl", 10, concurrency=1)[1]
    small = server(4, True)
    summary, rate = ask(small.url, tmp_path / "out.jsonl", 120, concurrency=32, retries=6)
    assert summary.asked == 120 and not summary.failed
    assert rate > 1.7 * one
    assert small.refused <= 24  # one in six at most; without a throttle most of the first 32 are refused many times


def test_a_queue_is_not_filled(server, tmp_path: Path) -> None:
    one = ask(server(4, False).url, tmp_path / "one.jsonl", 10, concurrency=1)[1]
    queueing = server(4, False)
    _, rate = ask(queueing.url, tmp_path / "out.jsonl", 120, concurrency=32)
    assert rate > 2 * one and queueing.most <= 16


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
import json, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Chat(BaseHTTPRequestHandler):
    def do_GET(self):
        self.say({"object": "list", "data": [{"id": "tiny", "object": "model"}]})
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"][0]["content"]
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


def start(port: int, said: Path) -> tuple[subprocess.Popen, int]:
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(port), str(said)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    return process, int(process.stdout.readline())


def test_a_server_that_dies_and_returns_costs_tries_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "PAUSE", 0.1)
    out, said = tmp_path / "out.jsonl", tmp_path / "said"
    first, port = start(0, said)
    servers = [first]

    def kill_and_return() -> None:
        while not out.exists() or out.read_bytes().count(b"\n") < 15:
            time.sleep(0.01)
        first.kill()
        first.wait()
        time.sleep(3)  # one try, half a second later, would find nobody
        servers.append(start(port, said)[0])

    killer = threading.Thread(target=kill_and_return)
    killer.start()
    try:
        summary, _ = ask(f"http://127.0.0.1:{port}", out, 60, concurrency=4, retries=1, patience=60)
        killer.join()
    finally:
        for process in servers:
            process.kill()
    assert len(servers) == 2 and (summary.asked, summary.failed) == (60, {})
    assert out.read_bytes().count(b"\n") == 60
    again = Counter(said.read_text().split())
    assert set(again) == {f"q{i}" for i in range(60)} and again.total() <= 60 + 4  # what was in flight as it died


def test_a_server_that_stays_away_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "PAUSE", 0.1)
    out = tmp_path / "out.jsonl"
    process, port = start(0, tmp_path / "said")

    def kill() -> None:
        while not out.exists() or out.read_bytes().count(b"\n") < 3:
            time.sleep(0.01)
        process.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    summary, _ = ask(f"http://127.0.0.1:{port}", out, 30, concurrency=4, retries=0, patience=0.5)
    killer.join()
    process.wait()
    assert summary.asked < 30 and summary.asked + len(summary.failed) == 30
    assert "Connection error" in next(iter(summary.failed.values()))
