"""What tests of several rooms share: an ASGI application and a chat server, each on a real socket."""

import asyncio
import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is not a failure. The first tier tries the same examples each time, `make test-all` tries new ones.
ANY = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]}
settings.register_profile("firsthand", max_examples=30, derandomize=True, **ANY)
settings.register_profile("long", max_examples=300, **ANY)
settings.load_profile("firsthand")


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


class Hold:
    """A server that calls `passed` answers so many requests, and keeps all others open until `release()`. So a client
    is killed with as many requests on their way as it has open at once, and not with as many as chance leaves it."""

    def __init__(self, answers: int) -> None:
        self._left, self._held, self._open = threading.Semaphore(answers), threading.Semaphore(0), threading.Event()
        self.release = self._open.set

    def passed(self) -> None:
        if not self._open.is_set() and not self._left.acquire(blocking=False):
            self._held.release()
            self._open.wait()

    def wait(self, requests: int, client: subprocess.Popen) -> None:
        """Until so many are held."""
        for _ in range(requests):
            while not self._held.acquire(timeout=0.1):
                assert client.poll() is None, "the client ended"


@pytest.fixture
def hold() -> Iterator[Callable[[int], Hold]]:
    with ExitStack() as stack:

        def start(answers: int) -> Hold:
            made = Hold(answers)
            stack.callback(made.release)
            return made

        yield start


class Chat(BaseHTTPRequestHandler):
    """One request to a chat server of the model `tiny`; what it answers is told by the test."""

    server: "ChatServer"

    def do_GET(self) -> None:
        served = getattr(self.server, "models", ["tiny"])
        self.send(200, {"object": "list", "data": [{"id": name, "object": "model"} for name in served]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(body)
        self.server.answer(self, body)

    def complete(self, content: str | None, finish_reason: str = "stop", **more: Any) -> None:
        message = {"role": "assistant", "content": content}
        choice = {"index": 0, "message": message, "finish_reason": finish_reason, **more}
        usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
        completion = {"id": "x", "object": "chat.completion", "created": 0, "model": "tiny", "usage": usage}
        self.send(200, completion | {"choices": [choice]})

    def send(self, status: int, content: Any, length: int | None = None) -> None:
        payload = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload) if length is None else length))
        self.send_header("retry-after-ms", "1")
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class ChatServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answer: Callable[[Chat, dict[str, Any]], None], state: dict[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), Chat)
        self.answer, self.requests = answer, list[dict[str, Any]]()
        self.url = f"http://127.0.0.1:{self.server_port}"
        vars(self).update(state)


@pytest.fixture
def chat_server() -> Iterator[Callable[..., ChatServer]]:
    """answer, state -> a server that answers by `answer(chat, body)`, and has what it may need as attributes."""
    with ExitStack() as stack:

        def start(answer: Callable[[Chat, dict[str, Any]], None], **state: Any) -> ChatServer:
            server = stack.enter_context(ChatServer(answer, state))
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
            stack.callback(server.shutdown)
            return server

        yield start
