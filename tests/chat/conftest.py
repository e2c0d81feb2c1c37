"""A chat server that streams scripted turns over a real socket, and a tools YAML over ten seconds of frames."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from firsthand import clock
from firsthand.media.index import writing

START = clock.parse("DAY1_11000000")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    with writing(tmp_path / "store", {"fps": 1.0}) as index, index:
        folder, end = "A1_JAKE/clip", clock.plus(START, 9)
        index.execute("INSERT INTO videos VALUES (1, ?, 0, 0, ?, ?, ?, ?)", (folder, "A1_JAKE", START, end, folder))
        (tmp_path / "store" / folder).mkdir(parents=True)
        for second in range(10):
            moment = clock.plus(START, second)
            Image.new("RGB", (64, 64), (200, 25 * second, 50)).save(
                tmp_path / "store" / folder / f"{clock.stamp(moment)}.jpg"
            )
            index.execute("INSERT INTO frames VALUES ('A1_JAKE', ?, ?, ?, 1)", (moment, START, float(second)))
    yaml = tmp_path / "tools.yaml"
    yaml.write_text(f"video: {tmp_path}/store\nstate: {tmp_path}/state\ntools: {{frames: , terminate: }}\n")
    return yaml


@pytest.fixture
def script(serve) -> Callable[..., Any]:
    """turns -> a server: its url, its requests, and whether a client has left in the middle of a turn. A turn that is
    a number is an error, `ENDLESS` goes on until the client leaves, and deltas and bytes are sent as they are."""
    from fastapi import FastAPI
    from fastapi.responses import JSONResponse, Response, StreamingResponse

    def made(*turns: str | bytes | list[dict[str, Any]]) -> Any:
        app, left = FastAPI(), iter(turns)
        server = SimpleNamespace(requests=[], left=False)

        @app.get("/v1/models")
        def models() -> dict[str, Any]:
            return {"object": "list", "data": [{"id": "agent", "object": "model", "created": 0, "owned_by": "x"}]}

        @app.post("/v1/chat/completions")
        async def answer(body: dict[str, Any]) -> Any:
            server.requests.append(body)
            turn = next(left)
            if isinstance(turn, str) and turn.isdigit():
                return JSONResponse({"message": "too long"}, int(turn))
            if isinstance(turn, bytes):
                return Response(turn, media_type="text/event-stream")
            return StreamingResponse(stream(turn), media_type="text/event-stream")

        async def stream(turn: str | list[dict[str, Any]]) -> Any:
            try:
                while turn == "ENDLESS":
                    yield event(delta={"content": "and on "})
                    await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                server.left = True
                raise
            for delta in pieces(turn) if isinstance(turn, str) else turn:
                yield event(delta=delta)
            yield event(delta={}, finish_reason="stop")
            yield event(usage={"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16})
            yield "data: [DONE]\n\n"

        server.url = serve(app) + "/v1"
        return server

    return made


def pieces(turn: str) -> Iterator[dict[str, str]]:
    yield from ({"content": turn[start : start + 5]} for start in range(0, len(turn), 5))


def event(usage: dict[str, int] | None = None, **choice: Any) -> str:
    chunk = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "agent", "usage": usage}
    chunk["choices"] = [] if usage else [{"index": 0, "finish_reason": None, **choice}]
    return f"data: {json.dumps(chunk)}\n\n"
