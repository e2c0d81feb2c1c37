"""Ask a served model every question of a file: bounded concurrency, resumable, and one failure never stops the rest."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from openai import APIError, AsyncOpenAI
from pydantic import BaseModel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from firsthand.errors import UserError
from firsthand.evals.client import BadAnswer, Settings, ask_one, check_server, connect
from firsthand.evals.log import RowLog
from firsthand.evals.rows import Question, read_rows


class Summary(BaseModel):
    asked: int = 0  # in this run
    resumed: int = 0  # answered by an earlier run
    torn: bool = False  # the earlier run left half a line, which was dropped and asked again
    unparsed: int = 0
    cut: int = 0  # stopped by max_tokens
    failed: dict[str, str] = {}  # id -> why


class Asked(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def messages_sha256(self) -> str: ...


Item = TypeVar("Item", bound=Asked)


async def ask(
    questions_path: Path | str,
    out: Path | str,
    server: str,
    settings: Settings,
    *,
    media_root: Path | str,
    concurrency: int = 8,
    retries: int = 6,
    timeout: float = 600.0,
) -> Summary:
    """Every question of a file, one request each."""
    questions = read_rows(questions_path, Question)

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
) -> Summary:
    """Whatever `answer` does to get the row of a question.

    At most `concurrency` questions are open, and the media of no other are read: a slow server slows us down instead
    of filling our memory and its queue.
    """
    with RowLog(out) as log:
        summary = Summary(resumed=len(log.rows), torn=log.torn)
        _same_run(log, questions, settings)
        waiting = iter([question for question in questions.values() if question.id not in log.rows])
        async with connect(server, retries, timeout) as client:
            await check_server(client, settings.model)
            with _progress(len(questions), len(log.rows)) as bar:

                async def worker() -> None:
                    for question in waiting:  # shared by the workers: each takes the next one
                        try:
                            row = await answer(client, question)
                        except (APIError, BadAnswer, UserError) as error:
                            summary.failed[question.id] = f"{type(error).__name__}: {error}"
                        else:
                            log.append(row)
                            summary.asked += 1
                        bar.advance(bar.task_ids[0])

                await asyncio.gather(*(worker() for _ in range(concurrency)))
        summary.unparsed = sum(row["letter"] is None for row in log.rows.values())
        summary.cut = sum(row["finish_reason"] == "length" for row in log.rows.values())
    return summary


def _same_run(log: RowLog, questions: Mapping[str, Asked], settings: Settings) -> None:
    """A file holds the answers of one model to one set of questions; continuing it with another would mix two runs."""
    for row in log.rows.values():
        question = questions.get(row["id"])
        if question is None:
            raise UserError(f"{log.path} answers {row['id']!r}, which is not among the questions; use another --out")
        if row.get("messages_sha256") != question.messages_sha256:
            raise UserError(f"{log.path}: the question {row['id']!r} has changed since; use another --out")
        if row.get("settings") != settings.model_dump():
            raise UserError(f"{log.path} was begun with {row.get('settings')}, not {settings}; use another --out")


def _progress(total: int, done: int) -> Progress:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    bar.add_task("asking", total=total, completed=done)
    return bar
