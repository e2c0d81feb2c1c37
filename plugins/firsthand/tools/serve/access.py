"""What every request passes first: a token, a limit on the body's size, and a limit on how long it may take.

Plain ASGI, since a wrapper around responses would break MCP's streams. The body is read whole before a route
sees the request: bodies here are small, and a client that sends a byte a minute must not hold a route. The work of a
client that went away is cancelled, so that nobody waits for it.
"""

import asyncio
import base64
import binascii
import hmac

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UNWATCHED = 0.05  # seconds of a call in which nobody looks whether its client is still there
OPEN_PATHS = ("/health",)  # for a supervisor that holds no token


class Access:
    """`long_bodies` are endings of paths whose bodies may have so many bytes."""

    def __init__(
        self, app: ASGIApp, token: str | None, max_bytes: int, seconds: float, long_bodies: dict[str, int] | None = None
    ):
        self.app, self.token, self.max_bytes, self.seconds = app, token, max_bytes, seconds
        self.long_bodies = long_bodies or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if not self._admits(scope):
            refusal = _refusal(401, "this server asks for a bearer token", {"WWW-Authenticate": "Bearer"})
            return await refusal(scope, receive, send)
        most = self.long_bodies.get(scope["path"].rpartition("/")[2], self.max_bytes)
        try:
            async with asyncio.timeout(self.seconds):
                body = await _read(receive, most)
        except TimeoutError:
            return await _refusal(408, f"the body did not arrive within {self.seconds:g} s")(scope, receive, send)
        except asyncio.IncompleteReadError:
            return None  # the client went away
        if body is None:
            return await _refusal(413, f"a body of more than {most} bytes")(scope, receive, send)
        await _answer(self.app, scope, body, receive, send)

    def _admits(self, scope: Scope) -> bool:
        if self.token is None or scope["path"] in OPEN_PATHS:
            return True
        kind, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        token = {"Bearer": given.encode(), "Basic": _password(given)}.get(kind, b"")
        return hmac.compare_digest(token, self.token.encode())


def _password(given: str) -> bytes:
    """Of `http://any:TOKEN@host`, for clients that can give an address and no header."""
    try:
        return base64.b64decode(given, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""


async def _read(receive: Receive, most: int) -> bytes | None:
    """The whole body, or None if it is too long."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise asyncio.IncompleteReadError(bytes(body), None)
        body += message.get("body", b"")
        if len(body) > most:
            return None
        if not message.get("more_body"):
            return bytes(body)


async def _answer(app: ASGIApp, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
    """Until the answer is sent, or the client is gone. Most calls have ended before anybody looks whether it is."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    gone: asyncio.Future[Message] | None = None
    work, answered = asyncio.current_task(), False

    def watch() -> asyncio.Future[Message]:
        nonlocal gone
        if gone is None:
            gone = asyncio.ensure_future(_gone(receive))
            gone.add_done_callback(stop)
        return gone

    async def replay() -> Message:
        return first.pop() if first else await asyncio.shield(watch())

    async def noticed(message: Message) -> None:
        nonlocal answered
        answered = message["type"] == "http.response.body" and not message.get("more_body")
        await send(message)

    def stop(_: asyncio.Future[Message]) -> None:
        if work and not answered and not (gone and gone.cancelled()):
            work.cancel()

    timer = asyncio.get_running_loop().call_later(UNWATCHED, watch)
    try:
        await app(scope, replay, noticed)
    except asyncio.CancelledError:
        if not (gone and gone.done()) or not work or work.uncancel():
            raise
    finally:
        timer.cancel()
        if gone:
            gone.remove_done_callback(stop)
            gone.cancel()


async def _gone(receive: Receive) -> Message:
    while (message := await receive())["type"] != "http.disconnect":
        pass
    return message


def _refusal(status: int, why: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": why}, status, {"Connection": "close", **(headers or {})})
