"""One question to one OpenAI-compatible server: what is sent, what comes back, and what counts as a failure.

Connection faults, time-outs, 429 and 5xx are tried again with growing pauses by the openai client; anything else that
is not an answer (a 4xx, a body that is no JSON, no choices) is a failure of this question alone.
"""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from openai import APIConnectionError, APIError, AsyncOpenAI
from pydantic import BaseModel, Field, ValidationError

from firsthand.endpoint import base_url
from firsthand.errors import UserError
from firsthand.evals.extract import extract_choice
from firsthand.evals.media import request_body
from firsthand.evals.rows import Question
from firsthand.files import read_yaml


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


class VideoSettings(Settings):
    """For questions about video files: how a fine-tuning recipe samples them, by its keys and their defaults there."""

    video_fps: float = Field(2.0, gt=0)
    video_maxlen: int = Field(128, gt=0)
    video_max_pixels: int = Field(256 * 256, gt=0)
    video_min_pixels: int = Field(16 * 16, gt=0)

    @property
    def sampling(self) -> dict[str, Any]:
        sizes = {"max_pixels": self.video_max_pixels, "min_pixels": self.video_min_pixels}
        return {"fps": self.video_fps, "max_frames": self.video_maxlen, **sizes}

    @classmethod
    def of_recipe(cls, path: Path, settings: Settings) -> "VideoSettings":
        recipe = read_yaml(path)
        if not isinstance(recipe, dict) or "template" not in recipe:
            raise UserError(f"{path}: no recipe of `llamafactory-cli train` (it says no `template`)")
        keys = cls.model_fields.keys() - Settings.model_fields.keys()
        try:
            return cls(**settings.model_dump(), **{key: recipe[key] for key in keys & recipe.keys()})
        except ValidationError as error:
            first = error.errors()[0]
            raise UserError(f"{path}: {first['loc'][0]}: {first['msg']}") from None


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


async def ask_one(
    client: AsyncOpenAI, question: Question, settings: Settings, media_root: Path | str
) -> dict[str, Any]:
    """The row of one answer."""
    body = await asyncio.to_thread(request_body, question, media_root, sampling=settings.sampling)
    reply = await complete(client, body, settings)
    return {
        "id": question.id,
        "messages_sha256": question.messages_sha256,
        "settings": settings.model_dump(),
        "letter": extract_choice(reply.output, question.letters),
        **reply.model_dump(),
    }
