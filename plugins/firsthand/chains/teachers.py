"""Who writes the chains: a model behind a server, or a scripted expert.

A model of another maker calls functions in the API's own form. Its prompt teaches how to search, and says of each tool
what it costs and how often to use it. The student reads another prompt: only the chain is kept.
"""

import importlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from firsthand import python_files
from firsthand.chains.config import Config, Scripted
from firsthand.errors import UserError
from firsthand.files import read_text
from firsthand.llm import keys
from firsthand.llm.ask_many import Pace
from firsthand.question import Question
from firsthand.rollout import prompt
from firsthand.rollout.dialects import Message, chat_tools
from firsthand.rollout.episodes import AgentSettings, EpisodesSummary, Served, Task, run_episodes, run_served
from firsthand.tools.toolbox import Toolbox

PROMPTS = Path(__file__).parent / "prompts"


async def ask_teacher(config: Config, questions: list[Question], toolbox: Toolbox) -> EpisodesSummary:
    """Fails before the first question when the server or the object is not there."""
    teacher = config.teacher
    settings = AgentSettings(limits=config.limits.limits(), budget=config.budget, **teacher.agent)
    tasks = [Task(one, _messages(one, settings), sample) for sample in range(config.samples) for one in questions]
    if isinstance(teacher, Scripted):
        policy = find_object(teacher.factory)
        return await run_episodes(tasks, policy, toolbox, settings, config.out, concurrency=config.concurrency)
    if teacher.functions and "terminate" not in toolbox.names:
        raise UserError(f"{config.tools}: has no tool terminate, with which a teacher answers; add `terminate:`")
    pace = Pace(config.concurrency, teacher.retries, teacher.timeout)
    served = Served(teacher.server, teacher.model, pace, keys.read_one(teacher.key_env))
    tools = hinted(toolbox.schemas()) if teacher.functions else chat_tools(teacher.dialect, toolbox.schemas())
    return await run_served(tasks, served, tools, toolbox, settings, config.out, teacher.price)


def _messages(question: Question, settings: AgentSettings) -> list[Message]:
    """What a teacher reads first; one that writes our dialects reads what the students read."""
    if not settings.functions:
        return prompt.messages(prompt.in_dialect(question, settings.dialect))
    system = _prompt("teacher.txt").format(identity=question.identity, calls=settings.limits.turns - 1)
    asked = prompt.question_text(prompt.in_dialect(question, "ego_r1"))
    return [{"role": "system", "content": system}, {"role": "user", "content": asked}]


def hinted(schemas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tools with what a teacher should know of their use."""
    hints = json.loads(_prompt("hints.json"))
    functions = [dict(schema["function"]) for schema in schemas]
    for function in functions:
        function["description"] = f"{function['description']} {hints.get(function['name'], '')}".strip()
    return [{"type": "function", "function": function} for function in functions]


@cache
def _prompt(name: str) -> str:
    return read_text(PROMPTS / name).strip()


def find_object(name: str) -> Callable[..., Any]:
    """`path/to/file.py:name` or `package.module:name`."""
    place, _, attribute = name.rpartition(":")
    try:
        module = python_files.load(Path(place)) if place.endswith(".py") else importlib.import_module(place)
        found = getattr(module, attribute)
    except (ImportError, ValueError, FileNotFoundError, AttributeError, SyntaxError) as error:
        form = "path/to/file.py:name or package.module:name"
        raise UserError(f"teacher.factory: {name!r} cannot be loaded ({error}); write {form}") from None
    if not callable(found):
        raise UserError(f"teacher.factory: {name} cannot be called with a task (rollout.episodes.Task) to get a policy")
    return found
