"""A forced answer: what an agent would say if it had to, where it gave no letter without its tools.

An agent that learnt to search calls its tools even when they are switched off, and gives no letter. That measures its
form and not what it can guess. Here the beginning of its turn is written for it, up to the letter, and the likeliest
letter counts. The server must be able to continue a turn (vLLM can).
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI

from firsthand.evals.single_turn import votes
from firsthand.llm.ask_many import Summary, ask_all
from firsthand.llm.client import Settings, complete
from firsthand.rollout.episodes import Episode, Served, Task
from firsthand.rollout.prompt import response

LETTER = "\0"  # where the letter would stand
GOING_ON = {"continue_final_message": True, "add_generation_prompt": False, **votes.PROBABILITIES}


def force(tasks: Iterable[Task], alone: dict[str, Episode], out: Path, served: Served, seed: int) -> Summary:
    """Asks again where an episode without tools has no letter."""
    settings = Settings(model=served.model, max_tokens=1, seed=seed)
    silent = {task.id: _begun(task) for task in tasks if task.id in alone and alone[task.id].letter is None}

    async def answer(client: AsyncOpenAI, begun: Task) -> dict[str, Any]:
        letters = "".join(begun.question.options)
        reply = await complete(client, {"messages": begun.messages, **GOING_ON}, settings)
        ballot = votes.by_probability(reply.first_token, letters, letters)
        return {**votes.decided([ballot], letters, begun, settings), **reply.model_dump()}

    return asyncio.run(ask_all(silent, answer, out, served.url, settings, served.pace, served.key))


def _begun(task: Task) -> Task:
    """The same question with the beginning of an answer."""
    whole = response("so", LETTER, task.question.style)
    return replace(task, messages=[*task.messages, {"role": "assistant", "content": whole.partition(LETTER)[0]}])
