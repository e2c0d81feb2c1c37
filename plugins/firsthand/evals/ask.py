"""Ask a served model every question of a file: one request each, resumable."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from openai import APIError, AsyncOpenAI
from pydantic import BaseModel

from firsthand.errors import UserError
from firsthand.evals.client import BadAnswer, Settings, VideoSettings, ask_one, check_server, connect
from firsthand.evals.log import RowLog
from firsthand.evals.rows import Question, read_rows
from firsthand.evals.work import Item, progress, same_run, work_off


class Summary(BaseModel):
    asked: int = 0  # in this run
    resumed: int = 0  # answered by an earlier run
    torn: bool = False  # the earlier run left half a line, which was dropped and asked again
    unparsed: int = 0
    cut: int = 0  # stopped by max_tokens
    failed: dict[str, str] = {}  # id -> why


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
    questions = read_rows(questions_path, Question)
    if filed := next((question for question in questions.values() if question.video_file), None):
        if recipe is None:
            raise UserError(
                f"{questions_path}: {filed.id} is about the video file {filed.video_file}; "
                "say with --recipe which fine-tuning recipe samples it, so that the model sees what it was trained on"
            )
        settings = VideoSettings.of_recipe(recipe, settings)

    def answer(client: AsyncOpenAI, question: Question) -> Awaitable[dict[str, Any]]:
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
