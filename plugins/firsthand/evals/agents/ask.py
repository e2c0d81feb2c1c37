"""An agent asked the questions of a benchmark: the loop, the renderer and the tools of its training, on a chat server.

With the tools switched off the agent gets the same prompt, with their schemas. It reads that no tool can be used, and
has one more turn if it calls one anyway. So it answers from the options and from what it knows of the world.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from firsthand.errors import UserError
from firsthand.llm.price import Price
from firsthand.question import Question
from firsthand.rollout import prompt
from firsthand.rollout.agent import LAST_TURN
from firsthand.rollout.chat_policy import check_functions
from firsthand.rollout.dialects import chat_tools
from firsthand.rollout.episodes import AgentSettings, EpisodesSummary, Served, Task, run_served
from firsthand.rollout.turn_text import Dialect
from firsthand.tools.toolbox import Toolbox


async def ask(
    questions: Iterable[Question],
    served: Served,
    settings: AgentSettings,
    toolbox: Toolbox,
    out: Path,
    *,
    price: Price | None = None,
    off: bool = False,
) -> EpisodesSummary:
    """One episode per question; tools that are `off` are described and not carried out."""
    if off:
        settings = settings.model_copy(update={"limits": replace(settings.limits, turns=2)})
    tasks, schemas = tasks_of(questions, off), chat_tools(settings.dialect, toolbox.schemas()) or None
    for task in tasks:
        check_scope(task)
    if settings.functions and toolbox.names:
        check_functions(toolbox.names)
    try:
        return await run_served(tasks, served, schemas, Toolbox([]) if off else toolbox, settings, out, price)
    finally:
        await toolbox.close()


def tasks_of(questions: Iterable[Question], off: bool) -> list[Task]:
    return [Task(question, _messages(question, tools=not off)) for question in questions]


def check_scope(task: Task) -> None:
    """A row that does not say what may be seen is refused before anything is asked."""
    _ = task.context


def in_dialect(questions: list[Question], wanted: Dialect | None) -> tuple[list[Question], Dialect]:
    """The questions in the style of one dialect; rows that are written in it keep theirs."""
    if wanted is None:
        (wanted, *others) = {prompt.dialect_of(question.style) for question in questions}
        if wanted is None or others:
            raise UserError("the rows are not written in one dialect of agents; choose --dialect ego_r1 or native")
    return [prompt.in_dialect(question, wanted) for question in questions], wanted


def _messages(question: Question, tools: bool) -> list[dict[str, Any]]:
    if question.images or question.video:
        raise UserError(f"{question.id} carries pictures; an agent looks for itself, through its tools")
    messages = prompt.messages(question)
    if not tools:
        messages[-1]["content"] += f"\n{LAST_TURN}"
    return messages
