"""A backend's service breaks in every way; whoever calls the served tool gets a typed outcome, in time, and counted.

The whole path is real: HTTP to the served tools, the toolbox, the OpenAI client, the breaking proxy, the upstream.
"""

import asyncio
import logging
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from firsthand import clock
from firsthand.llm import keys
from firsthand.llm.price import Price
from firsthand.tools.backends.openai import OpenAIBackend
from firsthand.tools.limits import Breaker, Guard, KeyPool, RateLimit
from firsthand.tools.protocol import Budget, Image
from firsthand.tools.scope import Scope
from firsthand.tools.serve.server import Limits, build
from firsthand.tools.toolbox import Toolbox
from firsthand.tools.vlm import Vlm

KEY = "sk-chaos-0123456789abcdef"
LOOK = {"question": "what is it?", "timestamp": "DAY1_11210217"}


@pytest.fixture
def deadline(request: pytest.FixtureRequest) -> float:
    """Seconds of a call: long where the machine may be busy, short where a fault would last for ever."""
    return getattr(request, "param", 60.0)


@pytest.fixture
def served(serve, proxy, deadline: float, jpeg: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A client of the served tool, and its toolbox; the tool sees one red frame."""
    monkeypatch.setenv("CHAOS_KEY", KEY)
    pool = KeyPool("chaos", keys.read(["CHAOS_KEY"]), RateLimit(tmp_path / "limits.sqlite", 1e6, burst=10_000))
    backend = OpenAIBackend("seer", pool, max_tokens=16, price=Price(), base_url=proxy.url)
    image = Image(jpeg, clock.parse(LOOK["timestamp"]))
    environment: Any = SimpleNamespace(image=lambda *_: image, is_recorded=lambda *_: True)
    guard = Guard(retries=2, backoff=0.01, breaker=Breaker(faults=1000))
    toolbox = Toolbox([Vlm(environment, backend, max_pixels=4096)], {"vlm": guard})
    app = build(toolbox, Scope.of("A1_JAKE", "end"), Limits(budget=Budget(seconds=deadline)))
    with httpx.Client(base_url=serve(app), timeout=60) as client:
        yield client, toolbox


def look(client: httpx.Client) -> httpx.Response:
    return client.post("/vlm", json=LOOK)


@pytest.mark.parametrize("fault", ["none", "wrong_type", "duplicate"])
def test_an_answer_that_can_be_read_is_an_answer(served, proxy, fault: str) -> None:
    client, toolbox = served
    proxy.fault = fault
    for _ in range(3):  # a doubled reply must not become the answer of the next request
        reply = look(client)
        assert reply.headers["x-outcome"] == "ok" and reply.json()["answer"] == "1 image, asked: what is it?"
    assert toolbox.counters.calls == {("vlm", "ok"): 3}


@pytest.mark.parametrize("fault", ["error_500", "html", "empty_200", "truncated", "reset", "hang_up", "not_http"])
def test_a_passing_fault_is_mended_by_another_try(served, proxy, fault: str) -> None:
    client, toolbox = served
    proxy.script = [fault, fault]
    assert look(client).headers["x-outcome"] == "ok"
    assert proxy.requests == 3 and toolbox.counters.events["vlm", "retry"] == 2


def test_a_wish_to_wait_is_granted(served, proxy) -> None:
    client, _ = served
    proxy.script = ["error_429"]
    start = time.monotonic()
    assert look(client).headers["x-outcome"] == "ok"
    assert time.monotonic() - start >= 1.0  # Retry-After: 1


@pytest.mark.parametrize(
    ("fault", "tries"),
    [
        ("error_500", 3),
        ("error_400", 1),  # asking again would not help
        ("html", 3),
        ("error_in_200", 3),
        ("text_error_in_200", 3),
        ("empty_200", 3),
        ("not_http", 3),
        ("truncated", 3),
        ("reset", 3),
        ("hang_up", 3),
        ("huge", 3),
    ],
)
def test_a_lasting_fault_is_typed_and_counted(served, proxy, caplog, fault, tries) -> None:
    client, toolbox = served
    proxy.fault = fault
    with caplog.at_level(logging.DEBUG):
        reply = look(client)
    assert (reply.status_code, reply.headers["x-outcome"]) == (503, "infra_error")
    assert proxy.requests == tries
    assert toolbox.counters.calls == {("vlm", "infra_error"): 1}
    assert 'firsthand_tool_calls_total{outcome="infra_error",tool="vlm"} 1.0' in client.get("/metrics").text
    assert KEY not in reply.text and KEY not in caplog.text


@pytest.mark.parametrize("deadline", [2.0], indirect=True)
@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_an_answer_that_does_not_come_ends_at_the_deadline(served, proxy, fault: str) -> None:
    client, toolbox = served
    proxy.fault = fault
    reply = look(client)
    assert (reply.status_code, reply.headers["x-outcome"]) == (504, "timeout")
    assert toolbox.counters.calls == {("vlm", "timeout"): 1}


def test_nobody_listening(served, proxy) -> None:
    client, toolbox = served
    proxy.refuse()
    assert look(client).headers["x-outcome"] == "infra_error"
    assert toolbox.counters.events["vlm", "retry"] == 2


def test_a_service_that_stays_down_is_left_alone_until_it_may_be_back(served, proxy) -> None:
    client, toolbox = served
    toolbox._guards["vlm"].breaker.faults = 3
    proxy.fault = "error_500"
    for _ in range(5):
        assert look(client).headers["x-outcome"] == "infra_error"
    assert proxy.requests == 3 and client.get("/health").json()["paused"] == ["vlm"]


def test_faults_leave_no_file_handle_open(served, proxy) -> None:
    client, _ = served
    faults = ["reset", "hang_up", "truncated", "error_500", "huge", "not_http", "duplicate", "none"]

    def rounds(count: int) -> int:
        for _ in range(count):
            for proxy.fault in faults:
                look(client)
        return len(list(Path("/proc/self/fd").iterdir()))

    first = rounds(1)
    assert rounds(2) <= first + 2


def test_an_overload_ends_well_for_everybody(served, proxy) -> None:
    """Half of what 200 callers ask at once meets a fault first."""
    client, toolbox = served
    proxy.script = ["error_500", "none", "reset", "none"] * 50

    async def all_at_once() -> list[str]:
        async with httpx.AsyncClient(
            base_url=client.base_url, timeout=60, limits=httpx.Limits(max_connections=None)
        ) as callers:
            replies = await asyncio.gather(*(callers.post("/vlm", json=LOOK) for _ in range(200)))
        return [reply.headers["x-outcome"] for reply in replies]

    words = asyncio.run(all_at_once())
    assert set(words) <= {"ok", "timeout", "infra_error"} and words.count("ok") > 0
    assert sum(toolbox.counters.calls.values()) == len(words) == 200
    assert "firsthand_tool_calls_in_flight 0.0" in client.get("/metrics").text
