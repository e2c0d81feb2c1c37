"""A stand-in for a paid teacher that speaks the OpenAI API with tool calls; real tools over a real memory."""

import asyncio
import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from firsthand import clock
from firsthand.files import write_jsonl, write_text
from firsthand.memory.records import Record
from firsthand.memory.store import Store
from firsthand.question import Question
from firsthand.rollout.agent import Reply
from firsthand.rollout.episodes import AgentSettings, Task, run_episodes
from firsthand.rollout.prompt import eval_row
from firsthand.tools.config import load

SEARCH = {"level": "day", "keywords": ["kettle"], "start_time": "DAY1_11000000", "query_time": "DAY1_12000000"}


def called(name: str, arguments: dict, thought: str) -> dict:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"content": thought, "tool_calls": [{"id": "c", "type": "function", "function": function}]}


SEARCHES_AND_ANSWERS = [
    called("rag", SEARCH, "I search for the kettle with rag."),
    called("terminate", {"answer": "B"}, "So that is it."),
]


class TeacherServer(ThreadingHTTPServer):
    """`turns[question]` are the messages it writes, by the turn that is asked for, `queues[question]` are written one
    after another, whoever asks; `faults[question]` come first."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.turns: dict[str, list[dict]] = {}
        self.queues: dict[str, list[dict]] = {}
        self.faults: defaultdict[str, list[str]] = defaultdict(list)
        self.requests: list[dict[str, Any]] = []
        self.asked: Counter[str] = Counter()
        self.keys: set[str | None] = set()
        self.pause: Callable[[], object] = lambda: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    server: TeacherServer

    def do_GET(self) -> None:
        self._send(200, {"object": "list", "data": [{"id": "teacher", "object": "model"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(body)
        self.server.keys.add(self.headers["Authorization"])
        text = next(message["content"] for message in body["messages"] if message["role"] == "user")
        text = text if isinstance(text, str) else text[-1]["text"]
        question = text.splitlines()[0].split(" <timestamp>")[0]
        self.server.asked[question] += 1
        self.server.pause()
        if faults := self.server.faults[question]:
            fault = faults.pop(0)
            if fault == "slow":
                time.sleep(3)
                return
            if fault == "not json":
                return self._send(200, "<html>gateway</html>")
            if fault == "no choices":
                return self._completion([])
            return self._send(int(fault), {"error": {"message": f"told to {fault}"}})
        if queue := self.server.queues.get(question):
            turn = queue.pop(0)
        else:
            turns = self.server.turns.get(question) or SEARCHES_AND_ANSWERS
            turn = turns[sum(message["role"] == "assistant" for message in body["messages"])]
        message = {"role": "assistant", "content": None} | turn
        finish = "tool_calls" if "tool_calls" in turn else "stop"
        self._completion([{"index": 0, "message": message, "finish_reason": finish}])

    def _completion(self, choices: list[dict]) -> None:
        usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
        row = {"id": "x", "object": "chat.completion", "created": 0, "model": "teacher"}
        self._send(200, row | {"choices": choices, "usage": usage})

    def _send(self, status: int, body: Any) -> None:
        payload = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.send_header("retry-after-ms", "1")
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[TeacherServer]:
    with TeacherServer() as fake:
        threading.Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield fake
        fake.shutdown()


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """rag over a memory of one hour, and terminate."""
    start = clock.parse("DAY1_11000000")
    notes = ["i put the kettle on the shelf", "i give the book to Alice"]
    spans = [(start, clock.plus(start, 30)), (clock.plus(start, 600), clock.plus(start, 630))]
    records = [
        Record("A1_JAKE", level, begin, end, text, (text,))
        for text, (begin, end) in zip(notes, spans, strict=True)
        for level in ("1hour", "10min", "30s")
    ]
    Store.build(tmp_path / "memory.sqlite", records)
    content = {"memory": {"store": str(tmp_path / "memory.sqlite")}, "tools": {"rag": None, "terminate": None}}
    write_text(tmp_path / "tools.yaml", yaml.safe_dump(content | {"state": str(tmp_path / "state")}))
    return tmp_path / "tools.yaml"


def made(id: str, **changes: Any) -> Question:
    facts: dict[str, Any] = {
        "question": f"Where is kettle {id}?",
        "options": {"A": "in the sink", "B": "on the shelf", "C": "lost"},
        "answer": "B",
        "style": "ego_r1",
        "data_source": "test",
        "split": "train",
        "identity": "A1_JAKE",
        "query_time": "DAY1_12000000",
        "label": "memory",
        "labels": {"type": "EntityLog", "target_time": "DAY1_11000000-DAY1_11003000"},
    }
    return Question(id=id, **facts | changes)


@pytest.fixture
def question() -> Callable[..., Question]:
    return made


@pytest.fixture
def configure(tmp_path: Path, tools: Path, server: TeacherServer) -> Callable[..., Path]:
    """A config file for these questions; `teacher=...` and other keys change it."""

    def make(*questions: Question, teacher: dict[str, Any] | None = None, **changes: Any) -> Path:
        write_jsonl(tmp_path / "questions.jsonl", map(eval_row, questions or [made("q1"), made("q2")]))
        config = {
            "questions": str(tmp_path / "questions.jsonl"),
            "tools": str(tools),
            "out": str(tmp_path / "chains.jsonl"),
            "teacher": {"kind": "openai", "server": server.url, "model": "teacher"} | (teacher or {}),
        }
        if teacher and teacher.get("kind") == "scripted":
            config["teacher"] = teacher
        write_text(tmp_path / "cott.yaml", yaml.safe_dump(config | changes))
        return tmp_path / "cott.yaml"

    return make


class Script:
    def __init__(self, turns: list[str]):
        self.turns = iter(turns)

    async def generate(self) -> Reply:
        return Reply(next(self.turns), 7)

    async def append(self, message: Any, images: Any) -> bool:
        return True


@pytest.fixture
def record(tmp_path: Path, tools: Path) -> Callable[..., Path]:
    """A file of chains of these turns, with what the real tools say to them."""

    def make(*chains: tuple[Question, list[str]], name: str = "chains.jsonl", **settings: Any) -> Path:
        tasks = [Task(asked, []) for asked, _ in chains]
        turns = {task.id: written for task, (_, written) in zip(tasks, chains, strict=True)}
        toolbox, agent = load(tools), AgentSettings(model="script", dialect="ego_r1", **settings)
        out = tmp_path / name
        asyncio.run(run_episodes(tasks, lambda task: Script(turns[task.id]), toolbox, agent, out, concurrency=1))
        return out

    return make
