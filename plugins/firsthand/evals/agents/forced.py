"""A forced answer: what an agent would say if it had to, where it gave no letter without its tools.

Without tools an agent that learnt to search calls them once more and says nothing, which measures its form and not what
it can guess. Here its turn is begun for it, up to the letter, and the likeliest letter counts. Only a server that goes
on with a begun turn can do this (vLLM).
"""

import asyncio
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI

from firsthand.evals.single_turn import votes
from firsthand.llm.ask_many import Pace, Summary, ask_all
from firsthand.llm.client import Settings, complete
from firsthand.llm.reply_cache import key_of
from firsthand.rollout.episodes import Episode, Task
from firsthand.rollout.prompt import response

LETTER = "\0"  # where the letter would stand
GOING_ON = {"continue_final_message": True, "add_generation_prompt": False, "logprobs": True, "top_logprobs": 20}


class Begun:
    """A question whose answer has been begun."""

    def __init__(self, task: Task):
        self.task, self.id = task, task.id

    @cached_property
    def messages(self) -> list[dict[str, Any]]:
        whole = response("so", LETTER, self.task.question.style)
        return [*self.task.messages, {"role": "assistant", "content": whole.partition(LETTER)[0]}]

    @cached_property
    def messages_sha256(self) -> str:
        return key_of(self.messages)


def force(
    tasks: Iterable[Task],
    alone: dict[str, Episode],
    out: Path,
    server: str,
    settings: Settings,
    pace: Pace,
    key: str | None,
) -> Summary:
    """Asks again where an episode without tools has no letter."""
    silent = {task.id: Begun(task) for task in tasks if task.id in alone and alone[task.id].letter is None}

    async def answer(client: AsyncOpenAI, begun: Begun) -> dict[str, Any]:
        letters = "".join(begun.task.question.options)
        reply = await complete(client, {"messages": begun.messages, **GOING_ON}, settings)
        letter, shares = votes.decide([votes.by_probability(reply.first_token, letters, letters)], letters)
        return {
            "id": begun.id,
            "messages_sha256": begun.messages_sha256,
            "settings": settings.model_dump(),
            "decided": True,
            "letter": letter,
            "shares": shares,
            **reply.model_dump(),
        }

    return asyncio.run(ask_all(silent, answer, out, server, settings, pace, key))
