"""A small OpenAI-compatible server that misbehaves on request, and a folder of questions with real image files."""

import base64
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from PIL import Image

settings.register_profile("firsthand", deadline=None)  # a busy machine is not a failure
settings.load_profile("firsthand")


class FakeServer(ThreadingHTTPServer):
    """`script[id]` lists what happens at each try for the question whose text is its id; afterwards all is well."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: dict[str, list[str]] = {}
        self.requests: list[dict[str, Any]] = []
        self.tries: Counter[str] = Counter()
        self.in_flight = self.most_in_flight = 0
        self.pause = 0.0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: FakeServer

    def do_GET(self) -> None:
        self._send(200, json.dumps({"object": "list", "data": [{"id": "tiny", "object": "model"}]}))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        content = body["messages"][-1]["content"]
        key = content if isinstance(content, str) else content[-1]["text"]
        with self.server.lock:
            self.server.requests.append(body)
            script = self.server.script.get(key, [])
            behaviour = script[self.server.tries[key]] if self.server.tries[key] < len(script) else "ok"
            self.server.tries[key] += 1
            self.server.in_flight += 1
            self.server.most_in_flight = max(self.server.most_in_flight, self.server.in_flight)
        time.sleep(self.server.pause)
        with self.server.lock:
            self.server.in_flight -= 1
        getattr(self, f"_{behaviour}")(key)

    def _ok(self, key: str, **changes: Any) -> None:
        choice = {"index": 0, "message": {"role": "assistant", "content": "<think>so</think><answer>B</answer>"}}
        usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
        completion = {"id": key, "object": "chat.completion", "created": 0, "model": "tiny", "usage": usage}
        self._send(200, json.dumps(completion | {"choices": [choice | {"finish_reason": "stop"}]} | changes))

    def _cut(self, key: str) -> None:
        message = {"role": "assistant", "content": "<think>so and so and"}
        self._ok(key, choices=[{"index": 0, "message": message, "finish_reason": "length"}])

    def _silent(self, key: str) -> None:
        message = {"role": "assistant", "content": None}
        self._ok(key, choices=[{"index": 0, "message": message, "finish_reason": "stop"}])

    def _no_choices(self, key: str) -> None:
        self._ok(key, choices=[])

    def _error_500(self, key: str) -> None:
        self._send(500, '{"error": {"message": "out of luck"}}')

    def _error_400(self, key: str) -> None:
        self._send(400, '{"error": {"message": "the prompt is too long"}}')

    def _hang_up(self, key: str) -> None:
        self.close_connection = True

    def _truncated(self, key: str) -> None:
        self._send(200, '{"choices": [', length=4000)
        self.close_connection = True

    def _not_json(self, key: str) -> None:
        self._send(200, "<html>gateway</html>")

    def _odd_characters(self, key: str) -> None:
        message = {"role": "assistant", "content": "<answer>B</answer> \u2028\u0000\r\n end"}
        self._ok(key, choices=[{"index": 0, "message": message, "finish_reason": "stop"}])

    def _slow(self, key: str) -> None:
        time.sleep(3)
        self._ok(key)

    def _send(self, status: int, body: str, length: int | None = None) -> None:
        payload = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload) if length is None else length))
        self.send_header("retry-after-ms", "1")
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as fake:
        threading.Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield fake
        fake.shutdown()


def image_bytes(colour: str, form: str = "JPEG", size: tuple[int, int] = (32, 32)) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", size, colour).save(buffer, form)
    return buffer.getvalue()


@pytest.fixture
def media(tmp_path: Path) -> Path:
    root = tmp_path / "media"
    root.mkdir()
    for name, colour, form in [("a.jpg", "red", "JPEG"), ("b.jpg", "green", "JPEG"), ("c.png", "blue", "PNG")]:
        (root / name).write_bytes(image_bytes(colour, form))
    return root


def question(key: str, *parts: dict[str, Any], **extra: Any) -> dict[str, Any]:
    content: Any = [*parts, {"type": "text", "text": key}] if parts else key
    return {"id": key, "messages": [{"role": "user", "content": content}], "answer": "B", "letters": "ABCD", **extra}


@pytest.fixture
def make_questions(tmp_path: Path) -> Any:
    def make(*rows: dict[str, Any] | str) -> Path:
        path = tmp_path / "questions.jsonl"
        complete = [question(row) if isinstance(row, str) else row for row in rows]
        path.write_text("".join(json.dumps(row) + "\n" for row in complete))
        return path

    make.question = question  # type: ignore[attr-defined]
    return make


@pytest.fixture
def decode_url() -> Any:
    def decode(url: str) -> tuple[str, list[bytes]]:
        head, *payloads = url.split(",")
        return head, [base64.b64decode(payload, validate=True) for payload in payloads]

    return decode
