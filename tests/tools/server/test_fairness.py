"""Nobody can shut the others out: not idle or endless connections, not a service that hangs, not those who left."""

import json
import socket
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest

from firsthand.tools.scope import Scope
from firsthand.tools.serve import connection
from firsthand.tools.serve.server import Limits, build

ROW = Scope.of("A1_JAKE", "end")
LOOK = {"question": "what", "timestamp": "DAY1_11210217"}
SLOW = {"question": "slow", "range": "DAY1_11210217-DAY1_11220217"}
GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /video_llm HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture
def url(serve, toolbox, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 1.5)
    return serve(build(toolbox, ROW, Limits()), http=connection.Connection, limit_concurrency=16)


def opened(url: str, sent: bytes = b"") -> socket.socket:
    made = socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=20)
    made.sendall(sent)
    return made


def until_closed(made: socket.socket) -> bytes:
    received = b""
    while piece := made.recv(4096):
        received += piece
    return received


def test_connections_that_say_nothing_or_half_a_head_are_closed(url: str) -> None:
    with ExitStack() as stack:
        silent = [stack.enter_context(opened(url, sent)) for sent in (b"", b"GET", GET) for _ in range(10)]
        assert [until_closed(made) for made in silent] == [b""] * 30
        assert httpx.get(f"{url}/health").status_code == 200
    with opened(url, GET + b"\r\n") as kept:
        received = b""
        while b"paused" not in received:
            received += kept.recv(4096)
        kept.sendall(GET)
        assert until_closed(kept) == b""


def test_a_head_without_an_end_is_refused(url: str) -> None:
    with opened(url, GET) as made, pytest.raises(ConnectionError):
        for number in range(1000):
            made.sendall(f"X-{number}: {'x' * 4000}\r\n".encode())
            time.sleep(0.001)


def test_a_body_that_comes_with_its_head_is_no_long_head(url: str) -> None:
    body = {"trajectory_ids": ["a"], "actions": ["x" * 200_000]}
    with httpx.Client() as client:
        assert [client.post(f"{url}/get_observation", json=body).status_code for _ in range(3)] == [200] * 3


def until_in_flight(url: str, calls: int) -> None:
    while f"firsthand_tool_calls_in_flight {calls}.0" not in httpx.get(f"{url}/metrics").text:
        time.sleep(0.05)


def test_a_service_that_hangs_takes_no_place_of_other_tools(serve, toolbox) -> None:
    url = serve(build(toolbox, ROW, Limits(calls=2)), timeout_graceful_shutdown=1)
    body = json.dumps([SLOW] * 50).encode()
    with opened(url, POST % len(body) + body):
        until_in_flight(url, 50)
        assert httpx.post(f"{url}/vlm", json=LOOK, timeout=20).status_code == 200


def test_the_work_of_a_client_that_left_is_dropped(serve, toolbox) -> None:
    url = serve(build(toolbox, ROW, Limits(calls=1)))
    for path, body in (("video_llm", [SLOW] * 20), ("video_llm", SLOW)):
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{url}/{path}", json=body, timeout=0.3)
    quick = {**SLOW, "question": "what"}
    assert httpx.post(f"{url}/video_llm", json=quick, timeout=10).json()["source"] == "A1_JAKE"
    until_in_flight(url, 0)
