"""A small OpenAI-compatible server that misbehaves on request, and a folder of questions with real image files."""

import base64
import json
import threading
import time
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from firsthand.evals.benchmarks import SUITE, Benchmark
from firsthand.evals.judge import protocols
from firsthand.evals.metrics.text import EXACT
from firsthand.evals.ways import AsWritten
from firsthand.files import write_json, write_jsonl


def says(content: str | None, finish_reason: str = "stop") -> Any:
    return lambda chat: chat.complete(content, finish_reason)


def slow(chat: Any) -> None:
    time.sleep(3)
    BEHAVIOURS["ok"](chat)


BEHAVIOURS = {
    "ok": says("<think>so</think><answer>B</answer>"),
    "cut": says("<think>so and so and", "length"),
    "silent": says(None),
    "odd_characters": says("<answer>B</answer> \u2028\u0000\r\n end"),
    "slow": slow,
    "hang_up": lambda chat: None,
    "no_choices": lambda chat: chat.send(200, {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 5}}),
    "truncated": lambda chat: chat.send(200, '{"choices": [', length=4000),
    "not_json": lambda chat: chat.send(200, "<html>gateway</html>"),
    "error_500": lambda chat: chat.send(500, {"error": {"message": "out of luck"}}),
    "error_400": lambda chat: chat.send(400, {"error": {"message": "the prompt is too long"}}),
}


@pytest.fixture
def server(chat_server) -> Any:
    """`script[id]` lists what happens at each try for the question whose text is its id; afterwards all is well."""
    lock = threading.Lock()

    def answer(chat: Any, body: dict[str, Any]) -> None:
        content = body["messages"][-1]["content"]
        key = content if isinstance(content, str) else content[-1]["text"]
        with lock:
            script = server.script.get(key, [])
            behaviour = script[server.tries[key]] if server.tries[key] < len(script) else "ok"
            server.tries[key] += 1
            server.in_flight += 1
            server.most_in_flight = max(server.most_in_flight, server.in_flight)
        server.pause()
        with lock:
            server.in_flight -= 1
        BEHAVIOURS[behaviour](chat)

    server = chat_server(answer, script={}, tries=Counter(), in_flight=0, most_in_flight=0, pause=lambda: None)
    return server


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
def write_clip() -> Any:
    def write(path: Path, frames: int) -> None:
        """20 frames a second of 96 x 96 pixels."""
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=20, options={"preset": "ultrafast"})
            stream.width = stream.height = 96
            for number in range(frames):
                grey = np.full((96, 96, 3), number, dtype=np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
            container.mux(stream.encode())

    return write


@pytest.fixture
def decode_url() -> Any:
    def decode(url: str) -> tuple[str, list[bytes]]:
        head, *payloads = url.split(",")
        return head, [base64.b64decode(payload, validate=True) for payload in payloads]

    return decode


GOLDS = dict.fromkeys(("q1", "q2", "q3", "q4", "q5", "q6"), "a cup")
SAID = {"q1": "A cup.", "q2": "one mug", "q3": "one fork", "q4": "one odd thing", "q5": "<think>hm"}  # q6: no answer


@pytest.fixture
def open_run(tmp_path: Path, monkeypatch) -> Path:
    """A run with open answers: equal words, right, wrong, one that a judge fails on, one that says nothing, none."""
    benchmark = Benchmark("mine", "A test.", tmp_path / "rows.jsonl", AsWritten(), (EXACT, protocols.EGOTHINK))
    monkeypatch.setitem(SUITE, "mine", benchmark)
    rows = [
        {"id": id, "question": f"what is {id}?", "answer": text, "letters": "", "messages": []}
        for id, text in GOLDS.items()
    ]
    folder = tmp_path / "run"
    write_json(folder / "run.json", {"benchmark": "mine"})
    write_jsonl(folder / "questions.jsonl", rows)
    made = [
        {"id": id, "messages_sha256": "x", "settings": {}, "letter": None, "output": output, "finish_reason": "stop"}
        for id, output in SAID.items()
    ]
    write_jsonl(folder / "answers.jsonl", made)
    return folder
