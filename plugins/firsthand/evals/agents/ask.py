"""An agent asked the questions of a benchmark: the loop, the renderer and the tools of its training, on a chat server.

With the tools switched off the agent gets the same prompt, their schemas included. It is told that no tool can be used,
and has one more turn if it calls one all the same: so it answers from the options and what it knows of the world.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI

from firsthand.errors import UserError
from firsthand.llm.ask_many import Pace
from firsthand.llm.client import check_server, connect
from firsthand.llm.price import Price
from firsthand.question import Question
from firsthand.rollout.agent import LAST_TURN, Limits
from firsthand.rollout.chat_policy import ChatPolicy, check_functions
from firsthand.rollout.dialects import chat_tools
from firsthand.rollout.episodes import AgentSettings, EpisodesSummary, Task, run_episodes
from firsthand.rollout.prompt import STYLES, messages, style_of
from firsthand.rollout.turn_text import Dialect
from firsthand.tools.protocol import Budget
from firsthand.tools.toolbox import Toolbox

_DIALECTS: dict[str, Dialect] = {"ego_r1": "ego_r1", "ego_r1_native": "native"}  # by the agent of a style


@dataclass(frozen=True)
class ServedAgent:
    model: str
    server: str
    limits: Limits
    budget: Budget  # of a call
    dialect: Dialect
    functions: bool
    sampling: dict[str, Any]
    price: Price | None
    pace: Pace
    key: str | None = None


def ask(
    questions: Iterable[Question], agent: ServedAgent, toolbox: Toolbox, out: Path, *, off: bool = False
) -> EpisodesSummary:
    """One episode per question, in the agent's dialect; tools that are `off` are described and not carried out."""
    limits = replace(agent.limits, turns=2) if off else agent.limits
    settings = AgentSettings(
        model=agent.model,
        dialect=agent.dialect,
        limits=limits,
        sampling=agent.sampling,
        functions=agent.functions,
        budget=agent.budget,
    )
    tasks = tasks_of(questions, off)
    for task in tasks:
        check_scope(task)
    return asyncio.run(_ask(tasks, agent, settings, toolbox, out, off))


def tasks_of(questions: Iterable[Question], off: bool) -> list[Task]:
    return [Task(question, _messages(question, tools=not off)) for question in questions]


def check_scope(task: Task) -> None:
    """A row that does not say what may be seen is refused before anything is asked."""
    _ = task.context


async def _ask(
    tasks: list[Task], agent: ServedAgent, settings: AgentSettings, toolbox: Toolbox, out: Path, off: bool
) -> EpisodesSummary:
    if agent.functions and toolbox.names:
        check_functions(toolbox.names)
    schemas = chat_tools(settings.dialect, toolbox.schemas())

    def policy(client: AsyncOpenAI, task: Task) -> ChatPolicy:
        return ChatPolicy(
            client, agent.model, task.messages, settings.dialect, schemas or None, agent.functions, **agent.sampling
        )

    try:
        async with connect(agent.server, agent.pace.retries, agent.pace.timeout, agent.key) as client:
            await check_server(client, agent.model)
            return await run_episodes(
                tasks,
                lambda task: policy(client, task),
                Toolbox([]) if off else toolbox,
                settings,
                out,
                concurrency=agent.pace.concurrency,
                price=agent.price,
            )
    finally:
        await toolbox.close()


def in_dialect(questions: list[Question], wanted: Dialect | None) -> tuple[list[Question], Dialect]:
    """The questions in the style of one dialect; rows that are written in it keep theirs."""
    found = {_DIALECTS.get(STYLES[question.style].agent) for question in questions}
    if wanted is None:
        (wanted, *others) = found
        if wanted is None or others:
            raise UserError("the rows are not written in one dialect of agents; choose --dialect ego_r1 or native")
    chosen = [
        question
        if _DIALECTS.get(STYLES[question.style].agent) == wanted
        else question.model_copy(update={"style": style_of(wanted)})
        for question in questions
    ]
    return chosen, wanted


def _messages(question: Question, tools: bool) -> list[dict[str, Any]]:
    if question.images or question.video:
        raise UserError(f"{question.id} carries pictures; an agent looks for itself, through its tools")
    told = messages(question)
    if not tools:
        told[-1]["content"] += f"\n{LAST_TURN}"
    return told
