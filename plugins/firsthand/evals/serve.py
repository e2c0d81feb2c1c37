"""A benchmark from rows to answers: on a server that is there, or on one that is started for it and ends with it."""

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from openai import APIError, AsyncOpenAI

from firsthand.errors import UserError
from firsthand.evals.ask import Summary, ask_all
from firsthand.evals.single_turn.answer import Plan, Task, answer
from firsthand.llm.client import connect
from firsthand.question import Question
from firsthand.serving.vllm_server import vllm_server


def run(
    questions: dict[str, Question],
    out: Path,
    server: str,
    plan: Plan,
    *,
    media_root: Path,
    by_path: bool = False,
    concurrency: int = 8,
    retries: int = 6,
    timeout: float = 600.0,
) -> Summary:
    tasks = {key: Task(question) for key, question in questions.items()}

    def of_task(client: AsyncOpenAI, task: Task) -> Awaitable[dict[str, Any]]:
        return answer(client, task, plan, media_root, by_path)

    return asyncio.run(
        ask_all(tasks, of_task, out, server, plan, concurrency=concurrency, retries=retries, timeout=timeout)
    )


@contextmanager
def served(model: Path, media_root: Path | None, log: Path, max_model_len: int | None) -> Iterator[str]:
    """A model folder behind vLLM while the block runs; with a media root, it may read the files below that."""
    if not (model / "config.json").is_file():
        raise UserError(f"{model}: no model folder (config.json is missing); with a LoRA adapter, merge it first")
    extra = ["--allowed-local-media-path", str(media_root.resolve())] if media_root else []
    with vllm_server(model, str(model), log, max_model_len, extra) as url:
        yield url


def only_model(server: str) -> str:
    """The name of the one model that a server serves."""

    async def names() -> list[str]:
        async with connect(server, retries=0) as client:
            return [entry.id for entry in (await client.models.list()).data]

    try:
        served_names = asyncio.run(names())
    except APIError as error:
        raise UserError(f"{server} does not list its models ({error}); start it, or mend --server") from None
    if len(served_names) != 1:
        raise UserError(f"{server} serves {', '.join(served_names) or 'nothing'}; choose one with --model")
    return served_names[0]
