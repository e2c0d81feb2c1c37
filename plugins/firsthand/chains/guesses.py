"""Questions that need no evidence: a model that sees only the bare question is right every time.

A right answer to such a question says nothing about the search before it. The answers are kept in a file, so that a
second filtering asks nothing again.
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
from firsthand.llm.throttle import Throttle
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


class Try(Prompted):
    """A bare question, asked once more with a seed of its own."""

    seed: int

    def settings(self, common: Settings) -> Settings:
        return common.model_copy(update={"seed": common.seed + self.seed})


async def guessed(
    questions: Iterable[Question], client: AsyncOpenAI, settings: Settings, cache: Path, times: int
) -> set[str]:
    """The ids of those that were answered right `times` times of `times`."""
    asked = {question.id: question for question in questions}
    tries = [_bare(question, number) for question in asked.values() for number in range(times)]

    async def answer(one: Try) -> dict[str, Any]:
        return await ask_one(client, one, one.settings(settings), Path())

    with RowLog(cache) as log:
        _check(log, tries, settings)
        failed: list[str] = []
        await check_server(client, settings.model)

        def done(one: Try, result: dict[str, Any] | Exception) -> None:
            if isinstance(result, Exception):
                failed.append(f"{one.id}: {result}")

        await work_off(tries, answer, log, FAULTS, throttle=Throttle(CONCURRENCY), done=done)
        if failed:
            what = f"{len(failed)} of {len(tries)} bare questions have no answer ({failed[0]})"
            raise UserError(f"{what}; run it again: what was answered is kept in {cache}")
        letters = {id: {log.rows[f"{id}#{number}"]["letter"] for number in range(times)} for id in asked}
    return {id for id, given in letters.items() if given == {asked[id].answer}}


def _check(log: RowLog, tries: Iterable[Try], settings: Settings) -> None:
    """What is known was asked in the same way."""
    for one in tries:
        same = {"messages_sha256": one.messages_sha256, "settings": one.settings(settings).model_dump()}
        if one.id in log.rows and not same.items() <= log.rows[one.id].items():
            raise UserError(f"{log.path}: {one.id} was asked in another way; use another --guesses")


def _bare(question: Question, number: int) -> Try:
    """Words and options, without the time at which it was asked."""
    asked, letters = messages(question.model_copy(update={"style": "choice"})), "".join(question.options)
    name = f"{question.id}#{number}"
    return Try.model_validate({"id": name, "messages": asked, "letters": letters, "seed": number})
