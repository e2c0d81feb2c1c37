"""Who writes the chains: a model behind a server, or a scripted expert.

A model of another maker is asked in the API's own form of function calls, with a prompt that teaches how to search and
with a hint on the cost and frequency of each tool; the students' prompt is another one, and only the chain is kept.
"""

import importlib
import importlib.util
import json
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from firsthand.chains.config import Config, Scripted, Server
from firsthand.errors import UserError
from firsthand.files import read_text
from firsthand.llm import keys
from firsthand.llm.client import check_server, connect
from firsthand.llm.price import Price
from firsthand.question import Question, StyleName
from firsthand.rollout import prompt
from firsthand.rollout.agent import Policy
from firsthand.rollout.chat_policy import ChatPolicy
from firsthand.rollout.dialects import Message, chat_tools
from firsthand.rollout.episodes import AgentSettings, Task
from firsthand.rollout.prompt import AGENT_STYLES, STYLES
from firsthand.tools.toolbox import Toolbox

PROMPTS = Path(__file__).parent / "prompts"


@dataclass(frozen=True)
class Teacher:
    settings: AgentSettings
    told: Callable[[Question], list[Message]]
    policy: Callable[[Task], Policy]
    price: Price | None = None


async def open_teacher(config: Config, toolbox: Toolbox, stack: AsyncExitStack) -> Teacher:
    """Fails before the first question when the server or the object is not there."""
    teacher, limits = config.teacher, config.limits.limits()
    if isinstance(teacher, Scripted):
        settings = AgentSettings(model=teacher.factory, dialect=teacher.dialect, limits=limits, budget=config.budget)
        factory = find_object(teacher.factory)
        return Teacher(settings, _students_prompt(teacher), factory)
    if teacher.functions and "terminate" not in toolbox.names:
        raise UserError(f"{config.tools}: has no tool terminate, with which a teacher answers; add `terminate:`")
    client = connect(teacher.server, teacher.retries, teacher.timeout, keys.read_one(teacher.key_env))
    await stack.enter_async_context(client)
    await check_server(client, teacher.model)
    settings = AgentSettings(
        model=teacher.model,
        dialect="native" if teacher.functions else teacher.dialect,
        limits=limits,
        sampling=teacher.sampling.model_dump(exclude_none=True),
        functions=teacher.functions,
        budget=config.budget,
    )
    tools = hinted(toolbox.schemas()) if teacher.functions else chat_tools(teacher.dialect, toolbox.schemas())

    def policy(task: Task) -> Policy:
        sampling = settings.sampling | {"seed": teacher.sampling.seed + task.sample}
        dialect, functions = settings.dialect, teacher.functions
        return ChatPolicy(client, teacher.model, task.messages, dialect, tools, functions, **sampling)

    told = partial(teachers_prompt, calls=limits.turns - 1) if teacher.functions else _students_prompt(teacher)
    return Teacher(settings, told, policy, teacher.price)


def teachers_prompt(question: Question, calls: int) -> list[Message]:
    system = _prompt("teacher.txt").format(identity=question.identity, calls=calls)
    asked = prompt.question_text(_agents(question, "ego_r1"))
    return [{"role": "system", "content": system}, {"role": "user", "content": asked}]


def _students_prompt(teacher: Server | Scripted) -> Callable[[Question], list[Message]]:
    style = prompt.style_of(teacher.dialect)
    return lambda question: prompt.messages(_agents(question, style))


def _agents(question: Question, style: StyleName) -> Question:
    """As an agent is asked: with the query time."""
    if question.style in AGENT_STYLES and STYLES[question.style].dialect == STYLES[style].dialect:
        return question
    return question.model_copy(update={"style": style})


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
        module = _of_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
        found = getattr(module, attribute)
    except (ImportError, ValueError, FileNotFoundError, AttributeError, SyntaxError) as error:
        form = "path/to/file.py:name or package.module:name"
        raise UserError(f"teacher.factory: {name!r} cannot be had ({error}); write {form}") from None
    if not callable(found):
        raise UserError(f"teacher.factory: {name} is no callable that makes a policy of a task (rollout.episodes.Task)")
    return found


def _of_file(path: Path) -> Any:
    name = f"firsthand_teacher_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader  # the name ends in .py
    module = sys.modules[name] = importlib.util.module_from_spec(spec)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
