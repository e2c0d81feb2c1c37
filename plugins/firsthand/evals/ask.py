"""Ask a served model every question of a file: one request each, resumable."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from openai import APIError, AsyncOpenAI
from pydantic import BaseModel, Field, ValidationError

from firsthand.answers import extract_choice
from firsthand.errors import UserError
from firsthand.evals.rows import read_rows
from firsthand.files import read_yaml
from firsthand.llm.ask_many import Item, progress, same_run, work_off
from firsthand.llm.client import BadAnswer, Settings, check_server, complete, connect
from firsthand.llm.media import request_body
from firsthand.llm.messages import Prompted
from firsthand.llm.row_log import RowLog


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


class Summary(BaseModel):
    asked: int = 0  # in this run
    resumed: int = 0  # answered by an earlier run
    torn: bool = False  # the earlier run left half a line, which was dropped and asked again
    unparsed: int = 0
    cut: int = 0  # stopped by max_tokens
    failed: dict[str, str] = {}  # id -> why


async def ask_one(
    client: AsyncOpenAI, question: Prompted, settings: Settings, media_root: Path | str
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


async def ask(
    questions_path: Path | str,
    out: Path | str,
    server: str,
    settings: Settings,
    *,
    media_root: Path | str,
    recipe: Path | None = None,
    concurrency: int = 8,
    retries: int = 6,
    timeout: float = 600.0,
) -> Summary:
    """Every question of a file, one request each; video files are sampled as `recipe` does it."""
    questions = read_rows(questions_path, Prompted)
    if filed := next((question for question in questions.values() if question.video_file), None):
        if recipe is None:
            raise UserError(
                f"{questions_path}: {filed.id} is about the video file {filed.video_file}; "
                "say with --recipe which fine-tuning recipe samples it, so that the model sees what it was trained on"
            )
        settings = VideoSettings.of_recipe(recipe, settings)

    def answer(client: AsyncOpenAI, question: Prompted) -> Awaitable[dict[str, Any]]:
        return ask_one(client, question, settings, media_root)

    return await ask_all(
        questions, answer, out, server, settings, concurrency=concurrency, retries=retries, timeout=timeout
    )


async def ask_all(
    questions: Mapping[str, Item],
    answer: Callable[[AsyncOpenAI, Item], Awaitable[dict[str, Any]]],
    out: Path | str,
    server: str,
    settings: Settings,
    *,
    concurrency: int,
    retries: int,
    timeout: float,
    key: str | None = None,
) -> Summary:
    """Whatever `answer` does to get the row of a question."""
    with RowLog(out) as log:
        summary = Summary(resumed=len(log.rows), torn=log.torn)
        same_run(log, questions, settings.model_dump())
        async with connect(server, retries, timeout, key) as client:
            await check_server(client, settings.model)
            with progress(len(questions), len(log.rows)) as bar:

                def done(question: Item, result: dict[str, Any] | Exception) -> None:
                    if isinstance(result, Exception):
                        summary.failed[question.id] = f"{type(result).__name__}: {result}"
                    else:
                        summary.asked += 1
                    bar.advance(bar.task_ids[0])

                faults = (APIError, BadAnswer, UserError)
                todo = questions.values()
                await work_off(todo, partial(answer, client), log, faults, concurrency=concurrency, done=done)
        summary.unparsed = sum(row["letter"] is None for row in log.rows.values())
        summary.cut = sum(row["finish_reason"] == "length" for row in log.rows.values())
    return summary
