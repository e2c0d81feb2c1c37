"""What tests of several rooms share: an ASGI application served on a real socket."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest


@contextmanager
def _served(app: Any, **options: Any) -> Iterator[str]:
    """The base URL of the running application; it must end by itself and leave no task behind."""
    import uvicorn

    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, **options))
    left: set[asyncio.Task] = set()

    async def main() -> None:
        await server.serve(sockets=[listener])
        left.update(asyncio.all_tasks() - {asyncio.current_task()})

    thread = threading.Thread(target=asyncio.run, args=[main()], daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
    assert not thread.is_alive() and not left


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    with ExitStack() as stack:
        yield lambda app, **options: stack.enter_context(_served(app, **options))
