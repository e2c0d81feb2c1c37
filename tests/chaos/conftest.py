"""A proxy between a backend and a real upstream that breaks answers in the ways networks and servers do."""

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from io import BytesIO

import pytest
from PIL import Image as Picture

Fault = Callable[["Reply", asyncio.StreamWriter], Awaitable[None]]
HUGE = 100 << 20


class Reply:
    """The upstream's true answer."""

    def __init__(self, raw: bytes):
        self.raw = raw
        self.head, _, self.body = raw.partition(b"\r\n\r\n")


def message(status: str, body: bytes, *headers: str, kind: str = "application/json") -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


def saying(status: str, body: bytes, *headers: str, kind: str = "application/json") -> Fault:
    async def fault(reply: Reply, writer: asyncio.StreamWriter) -> None:
        writer.write(message(status, body, *headers, kind=kind))

    return fault


async def untouched(reply: Reply, writer: asyncio.StreamWriter) -> None:
    writer.write(reply.raw)


async def hang(reply: Reply, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


async def drip(reply: Reply, writer: asyncio.StreamWriter) -> None:
    for byte in reply.raw:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.1)


async def truncated(reply: Reply, writer: asyncio.StreamWriter) -> None:
    writer.write(message("200 OK", reply.body[: len(reply.body) // 2]))


async def reset(reply: Reply, writer: asyncio.StreamWriter) -> None:
    writer.write(reply.raw[: len(reply.raw) - len(reply.body) // 2])
    await writer.drain()
    linger = struct.pack("ii", 1, 0)  # close with a RST
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def hang_up(reply: Reply, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def wrong_type(reply: Reply, writer: asyncio.StreamWriter) -> None:
    writer.write(message("200 OK", reply.body, kind="image/png"))


async def duplicate(reply: Reply, writer: asyncio.StreamWriter) -> None:
    writer.write(reply.raw + reply.raw)


async def huge(reply: Reply, writer: asyncio.StreamWriter) -> None:
    start = b'{"choices": [{"message": {"content": "'
    writer.write(
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {HUGE}\r\n\r\n".encode() + start
    )
    for _ in range(HUGE >> 16):
        writer.write(b"a" * 65536)
        await writer.drain()


FAULTS: dict[str, Fault] = {
    "none": untouched,
    "hang": hang,
    "drip": drip,
    "error_500": saying("500 Internal Server Error", b'{"error": {"message": "sk-chaos-0123456789abcdef leaked"}}'),
    "error_429": saying("429 Too Many Requests", b"{}", "Retry-After: 1"),
    "error_400": saying("400 Bad Request", b'{"error": {"message": "no such model"}}'),
    "html": saying("200 OK", b"<html><body>It works!</body></html>", kind="text/html"),
    "error_in_200": saying("200 OK", b'{"error": {"message": "overloaded"}}'),
    "text_error_in_200": saying("200 OK", b"error: no answer", kind="text/plain"),
    "empty_200": saying("200 OK", b""),
    "not_http": lambda reply, writer: _write(writer, b"\x16\x03\x01\x02\x00 this is no HTTP\r\n\r\n"),
    "truncated": truncated,
    "reset": reset,
    "hang_up": hang_up,
    "wrong_type": wrong_type,
    "duplicate": duplicate,
    "huge": huge,
}


async def _write(writer: asyncio.StreamWriter, content: bytes) -> None:
    writer.write(content)


class Proxy:
    """`script` is used up, a fault a request; afterwards every request meets `fault`."""

    def __init__(self, upstream: int):
        self.upstream, self.fault, self.script, self.requests = upstream, "none", list[str](), 0
        self._loop, self._work = asyncio.new_event_loop(), set[asyncio.Task]()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    def refuse(self) -> None:
        """From now on nobody listens."""
        self._run(self._stop_listening())

    def stop(self) -> None:
        self.refuse()
        self._run(self._drop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self, work: Awaitable):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)  # type: ignore[arg-type]

    async def _stop_listening(self) -> None:
        self._server.close()

    async def _drop(self) -> None:
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._work.add(task := asyncio.current_task())  # type: ignore[arg-type]
        try:
            while request := await _read(reader):
                self.requests += 1
                fault = FAULTS[self.script.pop(0) if self.script else self.fault]
                await fault(Reply(await self._ask(request)), writer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._work.discard(task)  # type: ignore[arg-type]
            writer.close()

    async def _ask(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        writer.write(request)
        answer = await _read(reader)
        writer.close()
        return answer


async def _read(reader: asyncio.StreamReader) -> bytes:
    """A whole message, or nothing when the connection ends."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + await reader.readexactly(int(lengths[0]) if lengths else 0)


@pytest.fixture
def upstream(serve) -> str:
    """A chat server in the form of the OpenAI API, which counts the images that it was sent."""
    from fastapi import FastAPI

    app = FastAPI()

    @app.post("/v1/chat/completions")
    async def complete(body: dict) -> dict:
        content = body["messages"][-1]["content"]
        images = sum(part["type"] == "image_url" for part in content)
        text = f"{images} image, asked: {content[-1]['text']}"
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        return {"id": "1", "object": "chat.completion", "created": 0, "model": body["model"], "choices": [choice]}

    return serve(app)


@pytest.fixture
def proxy(upstream: str) -> Iterator[Proxy]:
    proxy = Proxy(int(upstream.rsplit(":", 1)[1]))
    yield proxy
    proxy.stop()


@pytest.fixture
def jpeg() -> bytes:
    buffer = BytesIO()
    Picture.new("RGB", (64, 64), "red").save(buffer, "JPEG")
    return buffer.getvalue()
