"""A stand-in for the chat server of an agent, a small real memory with the real search tool, and questions about it."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from typer.testing import CliRunner, Result

from firsthand import clock
from firsthand.cli import app
from firsthand.files import write_jsonl, write_text
from firsthand.memory.records import Record
from firsthand.memory.store import Store
from firsthand.question import Question
from firsthand.rollout.prompt import eval_row

QUERY = "DAY1_12000000"
FULL = "This model's maximum context length is 4096 tokens. However, your request has 4100 input tokens."
TARGET = "DAY1_10050000-DAY1_10060000"


class Model:
    """Writes the turns of a script that is found by the text of the question; a number is a status of HTTP instead,
    and `FULL` what vLLM says when a conversation has outgrown the model.

    A script that has ended repeats its last turn. The summary model is a second name on the same server.
    """

    FULL = FULL

    def __init__(self) -> None:
        self.scripts: dict[str, list[str | int | dict[str, Any]]] = {}
        self.summary: dict[str, str] = {}
        self.likely: dict[str, float] = {}  # log-probabilities of the token that follows a begun turn
        self.requests: list[dict[str, Any]] = []
        self.seen: Counter[str] = Counter()
        self.down = False
        self.pause: Callable[[], object] = lambda: None
        self.keys: set[str] = set()
        self.app = Starlette(
            routes=[
                Route("/v1/models", self.models),
                Route("/v1/chat/completions", self.complete, methods=["POST"]),
            ]
        )

    @staticmethod
    def search(level: str = "hour", start: str | None = "DAY1_10000000", word: str = "kettle", **more: Any) -> str:
        arguments = {"level": level, "keywords": [word], **({"start_time": start} if start else {}), **more}
        return f"<think>look it up</think> <tool>{json.dumps({'name': 'rag', 'arguments': arguments})}</tool>"

    @staticmethod
    def answer(letter: str) -> str:
        return f"<think>seen</think> <answer>{letter}</answer>"

    @staticmethod
    def function(name: str, **arguments: Any) -> dict[str, Any]:
        function = {"name": name, "arguments": json.dumps(arguments)}
        return {"content": "look", "tool_calls": [{"id": "call-1", "type": "function", "function": function}]}

    async def models(self, request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": "agent"}, {"id": "reader"}]})

    async def complete(self, request: Request) -> Response:
        body = await request.json()
        self.requests.append(body)
        self.keys.add(request.headers["authorization"])
        await asyncio.to_thread(self.pause)
        if self.down:
            return PlainTextResponse("gone", 503, headers={"retry-after-ms": "1"})
        if body["model"] == "reader":
            text = body["messages"][-1]["content"].partition(": ")[2].splitlines()[0]
            return _completion(self.summary.get(text, "no idea"))
        first = next(message for message in body["messages"] if message["role"] == "user")["content"]
        text = (first if isinstance(first, str) else first[-1]["text"]).splitlines()[0].partition(" <timestamp>")[0]
        if body.get("continue_final_message"):
            return _completion("", [{"token": token, "logprob": value} for token, value in self.likely.items()])
        self.seen[text] += 1
        script = self.scripts[text]
        turn = script[min(sum(message["role"] == "assistant" for message in body["messages"]), len(script) - 1)]
        if isinstance(turn, int) or turn == FULL:
            status, message = (turn, f"status {turn}") if isinstance(turn, int) else (400, FULL)
            return JSONResponse({"error": {"message": message}}, status, headers={"retry-after-ms": "1"})
        return _completion(turn)


def _completion(turn: str | dict[str, Any], likely: list[dict[str, Any]] | None = None) -> Response:
    message = {"role": "assistant", **({"content": turn} if isinstance(turn, str) else turn)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    if likely:
        choice["logprobs"] = {"content": [likely[0] | {"top_logprobs": likely}]}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    whole = {"id": "1", "object": "chat.completion", "created": 0, "model": "agent", "usage": usage}
    return JSONResponse(whole | {"choices": [choice]})


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def server(model: Model, serve: Callable[..., str]) -> str:
    return serve(model.app)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """Ten minutes with a kettle, an hour and a day around them, and a later kettle that nobody may see."""
    ten, later = clock.parse("DAY1_10000000"), clock.parse("DAY1_13000000")
    records = [
        Record("A1_JAKE", "10min", ten, ten + 600, "I put the kettle into the kitchen."),
        Record("A1_JAKE", "10min", ten + 600, ten + 1200, "I read a book in the garden."),
        Record("A1_JAKE", "1hour", ten, ten + 3600, "A morning with the kettle and a book."),
        Record("A1_JAKE", "1day", ten, ten + 7000, "A day with the kettle."),
        Record("A1_JAKE", "10min", later, later + 600, "I carry the kettle into the cellar."),
    ]
    Store.build(tmp_path / "memory.sqlite", records)
    path = tmp_path / "tools.yaml"
    write_text(path, f"memory: {{store: {tmp_path / 'memory.sqlite'}}}\ntools: {{rag: , terminate: }}\n")
    return path


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., Path]:
    """Rows for questions with these texts, whose answer is B; `changes` are for all of them."""

    def rows(*texts: str, **changes: Any) -> Path:
        made = [
            Question.model_validate(
                {
                    "id": f"q{number}", "question": text, "options": dict(zip("ABCD", "wxyz", strict=True)),
                    "answer": "B", "style": "ego_r1", "data_source": "ego_r1", "split": "test",
                    "identity": "A1_JAKE", "query_time": QUERY,
                    "labels": {"type": "EntityLog" if number % 2 else "EventRecall", "target_time": TARGET},
                } | changes
            )
            for number, text in enumerate(texts)
        ]  # fmt: skip
        path = tmp_path / "questions.jsonl"
        write_jsonl(path, map(eval_row, made))
        return path

    return rows


@pytest.fixture
def run(server: str, tools: Path, tmp_path: Path):
    """The command with what it always needs; options that say which tools there are leave those of `tools` out."""

    def command(questions: Path, *options: Any) -> Result:
        fixed = ["--agent", "agent", "--server", server, "--questions", questions, "--out", tmp_path / "run"]
        given = [] if {"--no-tools", "--loop"} & set(options) else ["--tools", tools]
        return CliRunner().invoke(app, ["eval", "run", "ego_r1_bench", *map(str, [*fixed, *given, *options])])

    return command
