"""What every request passes first: a bearer token, a limit on the body's size, and a limit on how long it may take.

Plain ASGI, since a wrapper around responses would break MCP's streams. The body is read whole before a route
sees the request: bodies here are small, and a client that sends a byte a minute must not hold a route.
"""

import asyncio
import hmac

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN_PATHS = ("/health",)  # for a supervisor that holds no token


class Access:
    def __init__(self, app: ASGIApp, token: str | None, max_bytes: int, seconds: float):
        self.app, self.token, self.max_bytes, self.seconds = app, token, max_bytes, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if not self._admits(scope):
            refusal = _refusal(401, "this server asks for a bearer token", {"WWW-Authenticate": "Bearer"})
            return await refusal(scope, receive, send)
        try:
            async with asyncio.timeout(self.seconds):
                body = await self._read(receive)
        except TimeoutError:
            return await _refusal(408, f"the body did not arrive within {self.seconds:g} s")(scope, receive, send)
        except asyncio.IncompleteReadError:
            return None  # the client went away
        if body is None:
            return await _refusal(413, f"a body of more than {self.max_bytes} bytes")(scope, receive, send)
        return await self.app(scope, _replay(body, receive), send)

    def _admits(self, scope: Scope) -> bool:
        if self.token is None or scope["path"] in OPEN_PATHS:
            return True
        given = Headers(scope=scope).get("authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode())

    async def _read(self, receive: Receive) -> bytes | None:
        """The whole body, or None if it is too long."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise asyncio.IncompleteReadError(bytes(body), None)
            body += message.get("body", b"")
            if len(body) > self.max_bytes:
                return None
            if not message.get("more_body"):
                return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return first.pop() if first else await receive()

    return replay


def _refusal(status: int, why: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": why}, status, {"Connection": "close", **(headers or {})})
