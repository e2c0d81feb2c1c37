"""The backends' own clients against real HTTP on a socket, and the oracle against the toy week's truth."""

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from firsthand import clock
from firsthand.errors import UserError
from firsthand.llm.faults import Busy, Failed, Unavailable
from firsthand.llm.price import Price
from firsthand.tools.backends.base import SYSTEM_PROMPT, Answer, Backend, Sight
from firsthand.tools.backends.gemini import GeminiBackend
from firsthand.tools.backends.openai import OpenAIBackend
from firsthand.tools.backends.oracle import OracleBackend, shown
from firsthand.tools.limits import KeyPool, RateLimit
from firsthand.tools.protocol import Image

SIGHT = Sight("Who is there?", (Image(b"one", 86400.0), Image(b"two", 86401.0)), "A1_JAKE", 86400.0, 86401.0)
PRICE = Price(prompt=2.0, completion=10.0)


class Service(ThreadingHTTPServer):
    """Answers every POST with the next of its replies: status, headers, body. The last one stays."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: list[tuple[int, dict[str, str], bytes]] = []
        self.requests: list[tuple[str, dict[str, str], Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def reply(self, body: Any, status: int = 200, **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.replies.append((status, {"Content-Type": "application/json"} | headers, content))


class Handler(BaseHTTPRequestHandler):
    server: Service
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((self.path, headers, body))
        status, headers, content = self.server.replies.pop(0) if self.server.replies[1:] else self.server.replies[0]
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def pool(folder: Path, *secrets: str) -> KeyPool:
    return KeyPool("service", secrets or ("key-aaaa",), RateLimit(folder / "limits.sqlite", float("inf")))


def openai(service: Service, keys: KeyPool) -> OpenAIBackend:
    return OpenAIBackend("model", keys, max_tokens=64, price=PRICE, base_url=f"{service.url}/v1")


def ask(backend: Backend, times: int = 1) -> Answer:
    async def all_of_them() -> Answer:
        try:
            return [await backend.answer(SIGHT) for _ in range(times)][-1]
        finally:
            await backend.close()

    return asyncio.run(all_of_them())


def completion(text: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    return {"choices": [{"message": {"role": "assistant", "content": text}}], "usage": usage}


def test_openai_gets_frames_with_their_times_and_the_question(service: Service, tmp_path: Path) -> None:
    service.reply(completion(" Mia. "))
    assert ask(openai(service, pool(tmp_path))) == Answer("Mia.", cost=0.003)
    [(path, headers, body)] = service.requests
    assert path == "/v1/chat/completions" and headers["authorization"] == "Bearer key-aaaa"
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("model", 0.0, 64)
    system, user = body["messages"]
    assert system == {"role": "system", "content": SYSTEM_PROMPT}
    image = {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{base64.b64encode(b'two').decode()}"}}
    assert user["content"][2:] == [
        {"type": "text", "text": "DAY1_00000100"},
        image,
        {"type": "text", "text": "Who is there?"},
    ]


@pytest.mark.parametrize(
    ("body", "status", "fault", "message"),
    [
        (b"", 200, Unavailable, "not a chat completion"),
        (b'{"choices": [{"mess', 200, Unavailable, "not a chat completion"),
        (b"<html>gateway</html>", 200, Unavailable, "not a chat completion"),
        ({"choices": []}, 200, Unavailable, "not a chat completion"),
        ("error: no quota", 200, Unavailable, "not a chat completion"),
        ({"error": "overloaded"}, 200, Unavailable, "not a chat completion"),
        (completion(None), 200, Unavailable, "not a chat completion"),
        (completion("  "), 200, Unavailable, "an empty answer"),
        (completion("Error: no quota"), 200, Unavailable, "an error in its place"),
        (completion("x" * (2 << 20)), 200, Unavailable, "more than 1 MiB"),
        ({}, 500, Unavailable, "HTTP 500"),
        (b"<html>", 503, Unavailable, "HTTP 503"),
        ({}, 408, Unavailable, "HTTP 408"),
        ({}, 429, Unavailable, "HTTP 429"),
        ({}, 401, Unavailable, "HTTP 401"),
        ({"error": {"message": "too many images"}}, 400, Failed, "too many images"),
        ({}, 404, Failed, "HTTP 404"),
    ],
)
def test_what_is_no_answer(service: Service, tmp_path: Path, body: Any, status: int, fault: Any, message: str) -> None:
    service.reply(body, status)
    with pytest.raises(fault, match=message) as caught:
        ask(openai(service, pool(tmp_path)))
    assert type(caught.value) is fault
    assert "key-aaaa" not in str(caught.value)


def test_a_proxy_of_the_environment_does_not_stand_before_this_machine(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    service.reply({"choices": [{"message": {"content": "Anna."}}]})
    assert ask(openai(service, pool(tmp_path))).text == "Anna."


def test_nobody_listens(service: Service, tmp_path: Path) -> None:
    service.server_close()
    with pytest.raises(Unavailable, match="no answer"):
        ask(openai(service, pool(tmp_path)))


def test_a_limited_key_rests_as_long_as_the_service_asks_and_another_is_used(service: Service, tmp_path: Path) -> None:
    service.reply({}, 429, Retry_After="120")
    service.reply(completion("yes"))
    keys = pool(tmp_path, "key-aaaa", "key-bbbb")
    with pytest.raises(Unavailable):
        ask(openai(service, keys))
    ask(openai(service, keys), times=3)
    used = [headers["authorization"] for _, headers, _ in service.requests]
    assert used == ["Bearer key-aaaa", *["Bearer key-bbbb"] * 3]
    keys.rest("key-bbbb", 200.0, "HTTP 429")
    with pytest.raises(Busy) as busy:
        keys.lease()
    assert 110.0 < (busy.value.retry_after or 0.0) <= 120.0


def test_retry_after_of_a_fault_is_passed_on(service: Service, tmp_path: Path) -> None:
    service.reply({}, 503, Retry_After="7")
    with pytest.raises(Unavailable) as caught:
        ask(openai(service, pool(tmp_path)))
    assert caught.value.retry_after == 7.0


def test_one_backend_in_several_loops(service: Service, tmp_path: Path) -> None:
    service.reply(completion("yes"))
    backend = openai(service, pool(tmp_path))
    for _ in range(3):
        assert asyncio.run(backend.answer(SIGHT)).text == "yes"


@pytest.fixture
def gemini(service: Service, tmp_path: Path) -> GeminiBackend:
    pytest.importorskip("google.genai")
    keys = pool(tmp_path, "key-aaaa", "key-bbbb")
    return GeminiBackend("gemini-model", keys, max_tokens=64, price=PRICE, base_url=service.url)


def test_gemini_gets_frames_with_their_times(service: Service, gemini: GeminiBackend) -> None:
    service.reply(
        {
            "candidates": [{"content": {"role": "model", "parts": [{"text": " Mia. "}]}}],
            "usageMetadata": {"promptTokenCount": 1000, "candidatesTokenCount": 100},
        }
    )
    assert ask(gemini) == Answer("Mia.", cost=0.003)
    [(path, headers, body)] = service.requests
    assert path.endswith("models/gemini-model:generateContent")
    assert headers["x-goog-api-key"] == "key-aaaa"
    parts = body["contents"][0]["parts"]
    assert parts[2] == {"text": "DAY1_00000100"} and parts[-1] == {"text": "Who is there?"}
    assert base64.b64decode(parts[3]["inlineData"]["data"]) == b"two"
    assert body["systemInstruction"]["parts"] == [{"text": SYSTEM_PROMPT}]


@pytest.mark.parametrize(
    ("body", "status", "fault"),
    [
        ({"error": {"code": 429, "message": "quota"}}, 429, Unavailable),
        ({"error": {"code": 503, "message": "overloaded"}}, 503, Unavailable),
        ({"error": {"code": 400, "message": "bad"}}, 400, Failed),
        (b"<html>", 200, Unavailable),
        ({"candidates": []}, 200, Unavailable),
    ],
)
def test_what_is_no_answer_of_gemini(
    service: Service, gemini: GeminiBackend, body: Any, status: int, fault: Any
) -> None:
    service.reply(body, status)
    with pytest.raises(fault) as caught:
        ask(gemini)
    assert type(caught.value) is fault


def test_gemini_is_not_there(service: Service, gemini: GeminiBackend) -> None:
    service.server_close()
    with pytest.raises(Unavailable):
        ask(gemini)


CLIP = {
    "from": clock.parse("DAY1_10000000"),
    "room": "kitchen",
    "table": ["cup", "can", "soap", "box"],
    "carried": {"thing": "can", "hand": "left"},
    "events": [
        {"verb": "put down", "thing": "can", "hand": "left", "guest": None, "first": 100, "end": 160},
        {"verb": "pick up", "thing": "cup", "hand": "right", "guest": None, "first": 200, "end": 260},
        {"verb": "hand over", "thing": "cup", "hand": "right", "guest": "mia", "first": 400, "end": 500},
    ],
}


@pytest.mark.parametrize(
    ("start", "end", "happened"),
    [
        (0, 2, ["i hold the can in the kitchen with my left hand ."]),
        (0, 6, ["i hold the can in the kitchen with my left hand ."]),  # the end of putting it down is not seen yet
        (0, 8, ["i put down the can in the kitchen with my left hand ."]),
        (9, 9, []),
        (9, 11, ["i hold the cup in the kitchen with my right hand ."]),
        (9, 24, [f"i {verb} the cup in the kitchen with my right hand ." for verb in ("pick up", "hold")]),
        (14, 26, ["i hand over the cup to mia in the kitchen with my right hand ."]),
        (27, 29, []),
    ],
)  # fmt: skip
def test_the_oracle_sees_no_end_of_an_event_before_it_comes(start: int, end: int, happened: list[str]) -> None:
    assert shown(CLIP, CLIP["from"] + start, CLIP["from"] + end)[2:] == happened  # type: ignore[operator]


def test_the_oracle_tells_what_lies_in_the_range_and_what_is_asked(tmp_path: Path) -> None:
    (tmp_path / "truth").mkdir()
    truth = [{**CLIP, "start": "DAY1_10000000"}, {**CLIP, "start": "DAY1_10003000", "room": "garage"}]
    (tmp_path / "truth/A1_JAKE.json").write_text(json.dumps(truth))
    oracle, begin = OracleBackend(tmp_path), clock.parse("DAY1_10000000")

    def about(question: str, start: float, end: float) -> str:
        return asyncio.run(oracle.answer(Sight(question, (), "A1_JAKE", begin + start, begin + end))).text

    assert about("what did i put down ?", 0, 29) == "i put down the can in the kitchen with my left hand ."
    assert about("which thing is there ?", 31, 32).startswith("i am in the garage . on the table i see the cup")
    assert "garage" not in about("where am i ?", 0, 29)
    assert about("where am i ?", 500, 600) == "nothing ."


def test_no_toy_week_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="toy build"):
        OracleBackend(tmp_path)
