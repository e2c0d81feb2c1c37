"""HTTP routes: Ego-R1's three with its JSON, so that its released agents work unchanged, and verl-tool's one.

Every response says in the header `X-Outcome` how its calls ended, so that a program can tell a fault of the environment
from a mistake of the model where Ego-R1's JSON has the same shape for both.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from pydantic import BaseModel, Field, TypeAdapter, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from firsthand.errors import UserError
from firsthand.llm.messages import data_url
from firsthand.tools import call_text
from firsthand.tools.protocol import Context, Outcome, WrongArguments
from firsthand.tools.scope import Scope, of_request
from firsthand.tools.serve.call_queue import CallQueue

MAX_BATCH = 1024
LONGEST_HEADER = 4096  # verl-tool's HTTP library reads 8,190 bytes, and fails at more
OF_PROGRAM = ("identity", "vid_id")  # what Ego-R1's clients add to the model's arguments
HTTP_STATUS = {"ok": 200, "user_error": 422, "blocked_by_time": 422, "timeout": 504, "infra_error": 503}


class Actions(BaseModel):
    """The body of verl-tool's clients, one entry per trajectory; other keys are theirs and not needed here."""

    trajectory_ids: list[str] = Field(min_length=1, max_length=MAX_BATCH)
    actions: list[str]
    extra_fields: list[dict[str, Any] | None] | None = None
    finish: list[bool] | None = None

    @model_validator(mode="after")
    def _one_entry_each(self) -> "Actions":
        for name in ("actions", "extra_fields", "finish"):
            entries = getattr(self, name)
            if entries is not None and len(entries) != len(self.trajectory_ids):
                raise ValueError(f"{name} has {len(entries)} entries for {len(self.trajectory_ids)} trajectory_ids")
        return self


OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
ONE_OR_MANY: TypeAdapter[dict[str, Any] | list[dict[str, Any] | str | None]] = TypeAdapter(
    dict[str, Any] | list[dict[str, Any] | str | None]
)
ACTIONS = TypeAdapter(Actions)

Answer = Callable[[CallQueue, Any, Scope], Awaitable[JSONResponse]]


def routes(queue: CallQueue, pinned: Scope, prefix: str) -> list[Route]:
    def route(name: str, shape: TypeAdapter[Any], answer: Answer) -> Route:
        async def endpoint(request: Request) -> JSONResponse:
            return await answer(queue, await _body(request, shape), of_request(request, pinned))

        return Route(f"{prefix}/{name}", endpoint, methods=["POST"])

    return [
        route("query", OBJECT, _query),
        route("video_llm", ONE_OR_MANY, _video_llm),
        route("vlm", OBJECT, _vlm),
        route("get_observation", ACTIONS, _get_observation),
    ]


async def _body(request: Request, shape: TypeAdapter[Any]) -> Any:
    """JSON that says so: a page in a browser may send other kinds anywhere, without asking this server first."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise UserError("the body must be JSON, and the header Content-Type application/json")
    try:
        written = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise UserError("the body is not valid JSON") from None
    return shape.validate_python(written)


async def _query(queue: CallQueue, body: dict[str, Any], row: Scope) -> JSONResponse:
    outcome = await queue.call("rag", *_split(body, row))
    if outcome.is_fault:
        return _reply({"detail": outcome.text}, [outcome], HTTP_STATUS[outcome.status])
    return _reply({"response": outcome.data if outcome.status == "ok" else outcome.text}, [outcome])


async def _video_llm(
    queue: CallQueue, body: dict[str, Any] | list[dict[str, Any] | str | None], row: Scope
) -> JSONResponse:
    """One call or a list of them, answered in order; an empty item is answered by null."""
    items = body if isinstance(body, list) else [body]
    if len(items) > MAX_BATCH or any(isinstance(item, str) and item for item in items):
        raise UserError(f"a list holds at most {MAX_BATCH} items, each an object, null or an empty text")
    asked = [_split(item, row) if isinstance(item, dict) else None for item in items]
    outcomes = await asyncio.gather(*(queue.call("video_llm", *item) if item else _nothing() for item in asked))
    answers = [outcome and (outcome.data if outcome.status == "ok" else _error(outcome.text)) for outcome in outcomes]
    return _reply(answers if isinstance(body, list) else answers[0], outcomes)


async def _vlm(queue: CallQueue, body: dict[str, Any], row: Scope) -> JSONResponse:
    outcome = await queue.call("vlm", *_split(body, row))
    content = outcome.data if outcome.status == "ok" else {"detail": outcome.text}
    return _reply(content, [outcome], HTTP_STATUS[outcome.status])


async def _get_observation(queue: CallQueue, body: Actions, row: Scope) -> JSONResponse:
    none = [None] * len(body.actions)
    contexts = [
        None if finished else row.narrowed(Scope.of_fields(fields or {})).context()
        for finished, fields in zip(body.finish or none, body.extra_fields or none, strict=True)
    ]
    ended = await asyncio.gather(*map(partial(_act, queue), body.actions, contexts))
    content = {
        "observations": [_observation(outcome) for outcome, _ in ended],
        "dones": [done for _, done in ended],
        "valids": [outcome.status == "ok" or outcome.is_fault for outcome, _ in ended],
    }
    return _reply(content, [outcome for outcome, _ in ended])


def _split(body: dict[str, Any], row: Scope) -> tuple[dict[str, Any], Context]:
    """Ego-R1's bodies hold the model's arguments and the program's fields in one object."""
    arguments = {key: value for key, value in body.items() if key not in OF_PROGRAM}
    return arguments, row.narrowed(Scope.of_fields({key: body.get(key) for key in OF_PROGRAM})).context()


def _error(why: str) -> str:
    """Ego-R1's client asks `"answer" in reply`, of an object or of a text, and takes such a text for an object."""
    return f"error: {why}".replace("answer", "reply")


async def _nothing() -> None:
    return None


async def _act(queue: CallQueue, text: str, context: Context | None) -> tuple[Outcome, bool]:
    """What the tool called in a model's text answers, and whether the trajectory is over."""
    if context is None:
        return Outcome("ok", ""), True
    try:
        name, arguments = call_text.parse(text)
    except WrongArguments as error:
        return queue.refuse(str(error)), False
    outcome = await queue.call(name, arguments, context)
    return outcome, name == "terminate" and outcome.status == "ok"


def _observation(outcome: Outcome) -> str | dict[str, Any]:
    """Plain text, or verl-tool's object where there is more to say: images as data URLs, a bad end."""
    if outcome.status == "ok" and not outcome.images:
        return outcome.text
    urls = [data_url(image.jpeg) for image in outcome.images]
    return {"obs": outcome.text, "outcome": outcome.status, **({"image": urls} if urls else {})}


def _reply(content: Any, outcomes: Sequence[Outcome | None], status: int = 200) -> JSONResponse:
    """The header has a word for each call, or their counts where that would be too long for a header."""
    words = [outcome.status if outcome else "none" for outcome in outcomes]
    said = ",".join(words)
    if len(said) > LONGEST_HEADER:
        said = ",".join(f"{word}={count}" for word, count in sorted(Counter(words).items()))
    return JSONResponse(content, status, {"X-Outcome": said})
