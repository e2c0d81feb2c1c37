"""One question to one OpenAI-compatible server: what is sent, what comes back, and what counts as a failure.

Connection faults, time-outs, 429 and 5xx are tried again with growing pauses by the openai client; anything else that
is not an answer (a 4xx, a body that is not JSON, no choices) is a failure of this question alone.
"""

import asyncio
import os
import time
from typing import Any

from openai import APIConnectionError, APIError, AsyncOpenAI, OpenAI
from pydantic import BaseModel, Field, ValidationError

from firsthand.errors import UserError


class Settings(BaseModel):
    """What, beside the question, decides the answer; stored in every row, and a resumed file must agree with it."""

    model: str
    temperature: float = 0.0
    max_tokens: int = 1024
    seed: int = 0

    @property
    def sampling(self) -> dict[str, Any]:
        """Of video files."""
        return {}


class BadAnswer(Exception):
    """The server answered with something that is not a chat completion."""


def base_url(server: str) -> str:
    """People write the address of a server with and without `/v1`."""
    return f"{server.rstrip('/').removesuffix('/v1')}/v1"


def _address(server: str, retries: int, timeout: float, key: str | None) -> dict[str, Any]:
    return {"base_url": base_url(server), "api_key": key or "none", "max_retries": retries, "timeout": timeout}


def environment_key(variable: str = "VLLM_API_KEY") -> str | None:
    """The caller names the variable: the key of one service must never go to the server of another."""
    return os.environ.get(variable)


def connect(server: str, retries: int = 6, timeout: float = 600.0, key: str | None = None) -> AsyncOpenAI:
    """Without a key, the server gets the one of our own servers."""
    return AsyncOpenAI(**_address(server, retries, timeout, key or environment_key()))


def connect_blocking(server: str, retries: int = 6, timeout: float = 600.0, key: str | None = None) -> OpenAI:
    return OpenAI(**_address(server, retries, timeout, key))


async def check_server(client: AsyncOpenAI, model: str) -> None:
    """Fail before the first question if no server answers or the model is not served."""
    try:
        served = [entry.id for entry in (await client.models.list()).data]
    except APIConnectionError:
        raise UserError(f"no server answers at {client.base_url}; start it, or correct --server") from None
    except (APIError, ValueError, AttributeError, TypeError) as error:
        raise UserError(f"{client.base_url}models does not list models ({error}); is this a vLLM server?") from None
    if model not in served:
        raise UserError(f"{client.base_url} serves {', '.join(served) or 'nothing'}, not {model}; correct --model")


def only_model(server: str, key: str | None = None) -> str:
    """The name of the one model that a server serves."""

    async def names() -> list[str]:
        async with connect(server, retries=0, key=key) as client:
            return [entry.id for entry in (await client.models.list()).data]

    try:
        served = asyncio.run(names())
    except APIError as error:
        raise UserError(f"{server} does not list its models ({error}); start it, or correct --server") from None
    if len(served) != 1:
        raise UserError(f"{server} serves {', '.join(served) or 'nothing'}; choose one with --model")
    return served[0]


class Message(BaseModel):
    content: str | None


class _Token(BaseModel):
    token: str
    logprob: float


class _Position(BaseModel):
    top_logprobs: list[_Token] = []


class _Logprobs(BaseModel):
    content: list[_Position] | None = None


class Choice(BaseModel):
    message: Message


class _Choice(Choice):
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Counted(Usage):
    prompt_tokens: int
    completion_tokens: int


class Completion(BaseModel):
    """A chat completion as far as everybody reads it; a server may add what it likes."""

    choices: list[Choice] = Field(min_length=1)
    usage: Usage | None = None


class _Asked(Completion):
    """With what a question needs beside the text."""

    choices: list[_Choice] = Field(min_length=1)  # type: ignore[assignment]
    usage: _Counted


class Reply(BaseModel):
    output: str
    finish_reason: str | None
    prompt_tokens: int
    completion_tokens: int
    seconds: float  # includes the tries that failed
    first_token: list[tuple[str, float]] = Field([], exclude=True)  # its likeliest tokens with their log-probabilities


async def complete(client: AsyncOpenAI, body: dict[str, Any], settings: Settings) -> Reply:
    """One request; `body` holds `messages` and whatever else the server is told beside the settings."""
    extra = {key: value for key, value in body.items() if key != "messages"}
    sampling = {key: getattr(settings, key) for key in Settings.model_fields} | extra
    start = time.perf_counter()
    response = await client.chat.completions.with_raw_response.create(
        messages=body["messages"], model=sampling.pop("model"), extra_body=sampling
    )
    seconds = round(time.perf_counter() - start, 3)
    try:
        completion = _Asked.model_validate_json(response.content)
    except ValidationError as error:
        raise BadAnswer(f"not a chat completion: {error.errors()[0]['msg']}: {response.content[:200]!r}") from None
    choice = completion.choices[0]
    positions = (choice.logprobs and choice.logprobs.content) or [_Position()]
    return Reply(
        output=choice.message.content or "",
        finish_reason=choice.finish_reason,
        **completion.usage.model_dump(),
        seconds=seconds,
        first_token=[(token.token, token.logprob) for token in positions[0].top_logprobs],
    )
