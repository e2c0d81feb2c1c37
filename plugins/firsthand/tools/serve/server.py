"""One process that serves the tools of all people and videos: over Ego-R1's routes, verl-tool's, and MCP.

It listens on this machine only, unless a bearer token protects it. Every route is there twice: plain, and below a
prefix that names the row (`scope.py`), for clients that accept only a base URL.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.middleware.trustedhost import TrustedHostMiddleware
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
) -> FastAPI:
    queue = CallQueue(toolbox, limits.calls, limits.budget)
    server = mcp.build(queue, lambda request: of_request(request, pinned).context())
    sessions = StreamableHTTPSessionManager(server, stateless=True, json_response=True)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with sessions.run():
            yield
        await toolbox.close()

    app = FastAPI(title="firsthand tools", lifespan=lifespan, openapi_url=None)
    long = {"get_observation": limits.batch_bytes}
    app.add_middleware(Access, token=token, max_bytes=limits.body_bytes, seconds=limits.body_seconds, long_bodies=long)
    if host in LOOPBACK:  # a page in a browser on this machine reaches it under another name only
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK])

    @app.get("/health")
    async def health() -> dict[str, Any]:
        """`paused` are tools whose service failed so often that it is left alone for a while."""
        return {"status": "ok", "tools": toolbox.names, "paused": toolbox.paused}

    @app.get("/metrics")
    async def prometheus() -> Response:
        return Response(scrape(toolbox.counters, queue.in_flight), media_type=CONTENT_TYPE_LATEST)

    for prefix in ("", "/{row}"):
        app.include_router(routes.router(queue, pinned), prefix=prefix)
        app.router.routes.append(Route(f"{prefix}/mcp", StreamableHTTPASGIApp(sessions)))

    @app.exception_handler(UserError)
    async def wrong_request(_: Request, error: UserError) -> JSONResponse:
        return JSONResponse({"detail": storable(str(error))}, 400)

    @app.exception_handler(RequestValidationError)
    async def wrong_body(_: Request, error: RequestValidationError) -> JSONResponse:
        """Where and why, without the input: it may be huge, and NaN has no place in JSON."""
        return JSONResponse({"detail": storable("; ".join(problems(error)[:5])[:1000])}, 400)

    return app


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
