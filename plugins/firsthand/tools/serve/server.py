"""One process that serves the tools of all people and videos: over Ego-R1's routes, verl-tool's, and MCP.

It listens on this machine only, unless a bearer token protects it. Every route is there twice: plain, and below a
prefix that names the row (`scope.py`), for clients that accept only a base URL.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from firsthand.errors import UserError, problems
from firsthand.files import storable
from firsthand.tools.protocol import Budget
from firsthand.tools.scope import Scope, of_request
from firsthand.tools.serve import mcp, routes
from firsthand.tools.serve.access import Access
from firsthand.tools.serve.call_queue import CallQueue
from firsthand.tools.serve.metrics import scrape
from firsthand.tools.toolbox import Toolbox

LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Limits:
    calls: int = 256  # calls of one tool that run at a time; more wait
    budget: Budget = field(default_factory=Budget)  # for one call
    connections: int = 2048  # more are answered 503 at once
    body_bytes: int = 1 << 20
    batch_bytes: int = 64 << 20  # of /get_observation: verl-tool sends the pictures of every row with every call
    body_seconds: float = 30.0
    shutdown_seconds: float = 30.0  # calls under way may end; then they are cancelled


def build(
    toolbox: Toolbox, pinned: Scope, limits: Limits, token: str | None = None, host: str = LOOPBACK[0]
) -> Starlette:
    queue = CallQueue(toolbox, limits.calls, limits.budget)
    server = mcp.build(queue, lambda request: of_request(request, pinned).context())
    sessions = StreamableHTTPSessionManager(server, stateless=True, json_response=True)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with sessions.run():
            yield
        await toolbox.close()

    async def health(_: Request) -> Response:
        """`paused` are tools whose service failed so often that it is left alone for a while."""
        return JSONResponse({"status": "ok", "tools": toolbox.names, "paused": toolbox.paused})

    async def metrics(_: Request) -> Response:
        return Response(scrape(toolbox.counters, queue.in_flight), media_type=CONTENT_TYPE_LATEST)

    every = [Route("/health", health), Route("/metrics", metrics)]
    for prefix in ("", "/{row}"):
        every += routes.routes(queue, pinned, prefix)
        every.append(Route(f"{prefix}/mcp", StreamableHTTPASGIApp(sessions)))
    app = Starlette(routes=every, lifespan=lifespan, exception_handlers=REFUSALS)
    long = {"get_observation": limits.batch_bytes}
    app.add_middleware(Access, token=token, max_bytes=limits.body_bytes, seconds=limits.body_seconds, long_bodies=long)
    if host in LOOPBACK:  # a page in a browser on this machine reaches it under another name only
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK])
    return app


def _wrong_request(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": storable(str(error))}, 400)


def _wrong_body(_: Request, error: Exception) -> JSONResponse:
    """Where and why, without the input: it may be huge, and NaN has no place in JSON."""
    assert isinstance(error, ValidationError)
    return JSONResponse({"detail": storable("; ".join(problems(error, "body")[:5])[:1000])}, 400)


def _no_such_route(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


REFUSALS = {UserError: _wrong_request, ValidationError: _wrong_body, HTTPException: _no_such_route}


def serve(toolbox: Toolbox, pinned: Scope, host: str, port: int, token: str | None, limits: Limits = Limits()) -> None:
    import uvicorn

    from firsthand.tools.serve.connection import Connection

    if host not in LOOPBACK and not token:
        raise UserError(f"{host} can be reached from outside; set a token in FIRSTHAND_TOOLS_TOKEN first")
    uvicorn.run(
        build(toolbox, pinned, limits, token, host),
        host=host,
        port=port,
        access_log=False,
        http=Connection,
        limit_concurrency=limits.connections,
        backlog=limits.connections,
        timeout_graceful_shutdown=round(limits.shutdown_seconds),
    )
