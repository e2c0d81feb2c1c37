"""Questions that need no evidence: a model that is asked the bare question, again and again, is right every time.

A right answer to such a question says nothing about the search before it. The answers are kept in a file, so that
filtering again asks nothing again.
"""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from openai import APIError, AsyncOpenAI

from firsthand.errors import UserError
from firsthand.evals.single_turn.as_written import ask_one
from firsthand.llm.ask_many import work_off
from firsthand.llm.client import BadAnswer, Settings, check_server, connect
from firsthand.llm.messages import Prompted
from firsthand.llm.row_log import RowLog
from firsthand.question import Question
from firsthand.rollout.prompt import messages

CONCURRENCY = 16
FAULTS = (APIError, BadAnswer)


def asker(server: str, model: str, cache: Path, times: int) -> Callable[[list[Question]], set[str]]:
    """Which of some questions a model on a server can guess."""

    async def ask(questions: list[Question]) -> set[str]:
        async with connect(server) as client:
            return await guessed(questions, client, Settings(model=model, temperature=1.0), cache, times)

    return lambda questions: asyncio.run(ask(questions))


async def guessed(
    questions: Iterable[Question], client: AsyncOpenAI, settings: Settings, cache: Path, times: int
) -> set[str]:
    """The ids of those that were answered right `times` times of `times`, each with a seed of its own."""
    asked = {question.id: question for question in questions}
    tries = {f"{id}#{number}": number for id in asked for number in range(times)}
    bare = {name: _bare(asked[name.rpartition("#")[0]], name) for name in tries}

    def with_seed(item: Prompted) -> Settings:
        return settings.model_copy(update={"seed": settings.seed + tries[item.id]})

    async def answer(item: Prompted) -> dict[str, Any]:
        return await ask_one(client, item, with_seed(item), Path())

    with RowLog(cache) as log:
        for item in bare.values():
            known = log.rows.get(item.id)
            same = {"messages_sha256": item.messages_sha256, "settings": with_seed(item).model_dump()}
            if known and {key: known.get(key) for key in same} != same:
                raise UserError(f"{cache}: {item.id} was asked in another way; use another --guesses")
        failed: list[str] = []
        await check_server(client, settings.model)

        def done(item: Prompted, result: dict[str, Any] | Exception) -> None:
            if isinstance(result, Exception):
                failed.append(f"{item.id}: {result}")

        await work_off(bare.values(), answer, log, FAULTS, concurrency=CONCURRENCY, done=done)
        if failed:
            what = f"{len(failed)} of {len(bare)} bare questions have no answer ({failed[0]})"
            raise UserError(f"{what}; run it again: what was answered is kept in {cache}")
        letters = {id: {log.rows[f"{id}#{number}"]["letter"] for number in range(times)} for id in asked}
    return {id for id, given in letters.items() if given == {asked[id].answer}}


def _bare(question: Question, name: str) -> Prompted:
    """Words and options, without the time at which it was asked."""
    alone = question.model_copy(update={"style": "choice"})
    return Prompted.model_validate({"id": name, "messages": messages(alone), "letters": "".join(question.options)})
