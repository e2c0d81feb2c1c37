"""Small memories, and a server of models over a real socket."""

import asyncio
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from firsthand import clock
from firsthand.memory.records import Record
from firsthand.memory.store import Store

Build = Callable[[Iterable[Record]], Store]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return lambda records: Store.build(tmp_path / "memory.sqlite", records)


def make(level: str, start: str, seconds: float, text: str, source: str = "A1_JAKE") -> Record:
    begin = clock.parse(start)
    return Record(source, level, begin, clock.plus(begin, seconds), text, (start,))


@pytest.fixture
def record() -> Callable[..., Record]:
    return make


@pytest.fixture
def week() -> list[Record]:
    """Two days from 11:00 to 12:20; every 30-s caption and every summary names the time at which it starts."""
    made = []
    for day in ("DAY1", "DAY2"):
        made.append(make("1day", f"{day}_11000000", 4800, f"the whole of {day} with a lamp"))
        made.append(make("1hour", f"{day}_11000000", 3600, "an hour of cooking with a lamp"))
        made.append(make("1hour", f"{day}_12000000", 1200, "an hour of cleaning with a lamp"))
        for part in range(8):
            start = clock.plus(clock.parse(f"{day}_11000000"), part * 600)
            made.append(make("10min", clock.stamp(start), 600, f"part {part} of the hour with a lamp"))
            for clip in range(20):
                moment = clock.stamp(clock.plus(start, clip * 30))
                made.append(make("30s", moment, 30, f"clip {moment} with a lamp"))
    return made


class ChatServer:
    """A stand-in of a chat API: a reply is a short function of what was asked, so equal questions get equal answers."""

    def __init__(self) -> None:
        self.requests: list[dict] = []
        self.refuse = self.fail = ""  # a request that has this in it is refused (400), or fails (500)
        self.pause: Callable[[], object] = lambda: None
        self.most_at_once = self._at_once = 0
        app = FastAPI()
        app.post("/v1/chat/completions")(self._chat)
        app.post("/v1/embeddings")(self._embed)
        self._server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    async def _chat(self, request: Request) -> Response:
        body = await request.json()
        self.requests.append(body)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.to_thread(self.pause)
        self._at_once -= 1
        text = json.dumps(body["messages"][-1]["content"])
        for word, status in ((self.refuse, 400), (self.fail, 500)):
            if word and word in text:
                return JSONResponse({"error": {"message": "told to"}}, status)
        reply = f"note {hashlib.sha256(text.encode()).hexdigest()[:8]} of {len(text)} characters"
        message = {"role": "assistant", "content": reply if "Keywords: " not in text else "The order is [1, 0, 99]."}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
        return JSONResponse({"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage})

    async def _embed(self, request: Request) -> Response:
        """A text's vector counts its red, blue and green."""
        texts = (await request.json())["input"]
        rows = [[text.count(word) + 0.1 for word in ("red", "blue", "green")] for text in texts]
        data = [{"index": i, "object": "embedding", "embedding": row} for i, row in enumerate(rows)]
        return JSONResponse({"data": data[::-1], "model": "counts", "object": "list"})

    def __enter__(self) -> "ChatServer":
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture
def chat() -> Iterator[ChatServer]:
    with ChatServer() as server:
        yield server
