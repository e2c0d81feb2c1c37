"""One question to one OpenAI-compatible server: what is sent, what comes back, and what counts as a failure.

The openai client tries again after connection faults, time-outs, 429 and 5xx, with growing pauses. Anything else that
is not an answer (a 4xx, a body that is not JSON, no choices) is a failure of this question only.
"""

import asyncio
import json
import time
from typing import Any
from urllib.parse import urlsplit

from openai import APIConnectionError, APIError, AsyncOpenAI, DefaultAsyncHttpxClient, DefaultHttpxClient, OpenAI
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from firsthand.errors import UserError, first_problem
from firsthand.files import loads, storable
from firsthand.llm import keys
from firsthand.llm.faults import Unavailable
from firsthand.llm.throttle import Throttle, ThrottledClient

OWN_KEY = "VLLM_API_KEY"  # the variable with the key of our own servers


class Settings(BaseModel):
    """What, beside the question, decides the answer; stored in every row, and a resumed file must agree with it."""

    model: str
    temperature: float = 0.0
    max_tokens: int = 1024
    seed: int = 0

    @property
    def sampling(self) -> dict[str, Any]:
        """How video files are sampled; only settings for questions about them say it."""
        return {}


class BadAnswer(Unavailable):
    """The server answered with something that is not a chat completion."""


def base_url(server: str) -> str:
    """People write the address of a server with and without `/v1`."""
    try:
        parts = urlsplit(server)
        sound = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        sound = False
    if not sound:
        raise UserError("that is not the address of a server; write it as http://localhost:8000")
    return f"{server.rstrip('/').removesuffix('/v1')}/v1"


def _options(server: str, timeout: float, retries: int, key: str | None, key_env: str) -> dict[str, Any]:
    address = base_url(server)
    keys.remember_address(address)
    key = key or keys.optional(key_env) or "none"
    return {"base_url": address, "api_key": key, "max_retries": retries, "timeout": timeout}


def unproxied(server: str | None) -> DefaultAsyncHttpxClient | None:
    """None: the client's own, which uses the proxy of the environment."""
    return DefaultAsyncHttpxClient(trust_env=False) if on_this_machine(server) else None


def on_this_machine(server: str | None) -> bool:
    """A proxy of the environment does not reach such a server."""
    return urlsplit(server or "").hostname in ("127.0.0.1", "localhost", "::1")


def connect(
    server: str,
    retries: int = 6,
    timeout: float = 600.0,
    key: str | None = None,
    key_env: str = OWN_KEY,
    throttle: Throttle | None = None,
) -> AsyncOpenAI:
    """Without a key, the server gets that of a variable: the one of our own servers, if the caller names no other."""
    options = _options(server, timeout, retries, key, key_env)
    if throttle is None:
        return AsyncOpenAI(**options, http_client=unproxied(server))
    return AsyncOpenAI(**options, http_client=ThrottledClient(throttle, trust_env=not on_this_machine(server)))


def connect_blocking(server: str, timeout: float = 600.0, key_env: str = OWN_KEY) -> OpenAI:
    options = _options(server, timeout, 6, None, key_env)
    return OpenAI(**options, http_client=DefaultHttpxClient(trust_env=False) if on_this_machine(server) else None)


async def _served(client: AsyncOpenAI) -> list[str]:
    try:
        return [entry.id for entry in (await client.models.list()).data]
    except APIConnectionError:
        raise UserError(f"no server answers at {client.base_url}; start it, or correct --server") from None
    except (APIError, ValueError, AttributeError, TypeError) as error:
        raise UserError(f"{client.base_url}models does not list models ({error}); is this a vLLM server?") from None


async def check_server(client: AsyncOpenAI, model: str) -> None:
    """Fail before the first question if no server answers or the model is not served."""
    if model not in (served := await _served(client)):
        raise UserError(f"{client.base_url} serves {', '.join(served) or 'nothing'}, not {model}; correct --model")


def only_model(server: str, key: str | None = None) -> str:
    """The name of the one model that a server serves."""

    async def names() -> list[str]:
        async with connect(server, retries=0, key=key) as client:
            return await _served(client)

    if len(served := asyncio.run(names())) != 1:
        raise UserError(f"{server} serves {', '.join(served) or 'nothing'}; choose one with --model")
    return served[0]


class _Token(BaseModel):
    token: str
    logprob: float


class _Position(BaseModel):
    top_logprobs: list[_Token] = []


class _Logprobs(BaseModel):
    content: list[_Position] | None = None


class _Open(BaseModel):
    """Goes back to the server as it came, with the fields that only this server knows."""

    model_config = ConfigDict(extra="allow")


class Function(_Open):
    name: str
    arguments: str = ""


class Call(_Open):
    id: str | None = None
    type: str = "function"
    function: Function | None = None


class Said(_Open):
    """What a model said; some servers add its reasoning."""

    content: str | None = None
    tool_calls: list[Call] | None = None


class Choice(BaseModel):
    message: Said
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class Tokens(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Completion(BaseModel):
    """A chat completion as far as we read it; a server may add what it likes."""

    choices: list[Choice] = Field(min_length=1)
    usage: Tokens | None = None

    @property
    def message(self) -> Said:
        return self.choices[0].message

    @property
    def finish_reason(self) -> str | None:
        return self.choices[0].finish_reason

    @property
    def tokens(self) -> tuple[int, int]:
        """Read and written; what a server does not count is 0."""
        usage = self.usage or Tokens()
        return usage.prompt_tokens or 0, usage.completion_tokens or 0

    @property
    def first_token(self) -> list[tuple[str, float]]:
        """The likeliest tokens of the first place with their log-probabilities, if they were asked for."""
        logprobs = self.choices[0].logprobs
        positions = (logprobs and logprobs.content) or [_Position()]
        return [(token.token, token.logprob) for token in positions[0].top_logprobs]


def read_completion(body: bytes) -> Completion:
    try:
        return Completion.model_validate_json(storable(json.dumps(loads(body), ensure_ascii=False)))
    except (ValueError, RecursionError) as error:
        why = first_problem(error) if isinstance(error, ValidationError) else error
        raise BadAnswer(f"not a chat completion: {why}: {body[:200]!r}") from None


async def post(client: AsyncOpenAI, body: dict[str, Any]) -> Completion:
    """One request, tried again as often as the client was made for."""
    extra = {key: value for key, value in body.items() if key not in ("messages", "model")}
    create = client.chat.completions.with_raw_response.create
    return read_completion((await create(messages=body["messages"], model=body["model"], extra_body=extra)).content)


class _Vector(BaseModel):
    index: int
    embedding: list[float] = Field(min_length=1)


class _Vectors(BaseModel):
    data: list[_Vector]


async def embed(client: AsyncOpenAI, model: str, texts: list[str]) -> list[list[float]]:
    """A vector for each text, by `/v1/embeddings`."""
    create = client.embeddings.with_raw_response.create
    body = (await create(model=model, input=texts, encoding_format="float")).content
    try:
        found = {one.index: one.embedding for one in _Vectors.model_validate_json(body).data}
        return [found[number] for number in range(len(texts))]
    except (ValidationError, KeyError):
        raise BadAnswer(f"not an embedding of each text: {body[:200]!r}") from None


class Reply(BaseModel):
    output: str
    finish_reason: str | None
    prompt_tokens: int
    completion_tokens: int
    seconds: float  # includes the tries that failed
    first_token: list[tuple[str, float]] = Field([], exclude=True)  # its likeliest tokens with their log-probabilities


async def complete(client: AsyncOpenAI, body: dict[str, Any], settings: Settings) -> Reply:
    """One request; `body` holds `messages` and what else is sent beside the settings."""
    start = time.perf_counter()
    completion = await post(client, {key: getattr(settings, key) for key in Settings.model_fields} | body)
    seconds = round(time.perf_counter() - start, 3)
    if completion.usage is None or None in completion.usage.model_dump().values():
        raise BadAnswer("not a chat completion: it does not count its tokens")  # as 0 they would look free
    return Reply(
        output=completion.message.content or "",
        finish_reason=completion.finish_reason,
        **completion.usage.model_dump(),
        seconds=seconds,
        first_token=completion.first_token,
    )
