"""One question to one OpenAI-compatible server: what is sent, what comes back, and what counts as a failure.

Connection faults, time-outs, 429 and 5xx are tried again with growing pauses by the openai client; anything else that
is not an answer (a 4xx, a body that is no JSON, no choices) is a failure of this question alone.
"""

import os
import time
from typing import Any

from openai import APIConnectionError, APIError, AsyncOpenAI
from pydantic import BaseModel, Field, ValidationError

from firsthand.errors import UserError
from firsthand.llm.endpoint import base_url


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


def connect(server: str, retries: int = 6, timeout: float = 600.0, key: str | None = None) -> AsyncOpenAI:
    return AsyncOpenAI(
        base_url=base_url(server),
        api_key=key or os.environ.get("VLLM_API_KEY", "none"),
        max_retries=retries,
        timeout=timeout,
    )


async def check_server(client: AsyncOpenAI, model: str) -> None:
    """Fail before the first question when nobody listens there or the model is not served."""
    try:
        served = [entry.id for entry in (await client.models.list()).data]
    except APIConnectionError:
        raise UserError(f"no server answers at {client.base_url}; start it, or mend --server") from None
    except (APIError, ValueError, AttributeError, TypeError) as error:
        raise UserError(f"{client.base_url}models does not list models ({error}); is this a vLLM server?") from None
    if model not in served:
        raise UserError(f"{client.base_url} serves {', '.join(served) or 'nothing'}, not {model}; mend --model")


class _Message(BaseModel):
    content: str | None


class _Token(BaseModel):
    token: str
    logprob: float


class _Position(BaseModel):
    top_logprobs: list[_Token] = []


class _Logprobs(BaseModel):
    content: list[_Position] | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage


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
        completion = _Completion.model_validate_json(response.content)
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
