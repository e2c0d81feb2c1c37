"""The only caller of tools: whatever a model writes and whatever a tool does, one `Outcome` comes out.

Arguments are checked before a tool sees them. The answer is checked after it: its text is cleaned and cut to the
budget, its pictures are shrunk, and an image or a span from after the query time turns the whole answer into a fault,
although every tool refuses the future itself. A tool that leaks is a bug; training on what it leaked would be worse.
The check is part of the call: it happens within the deadline, and away from the event loop where it takes long.
"""

import asyncio
import json
import logging
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel, ValidationError

from firsthand.llm.faults import Failed
from firsthand.llm.keys import redact
from firsthand.media.pixels import shrink
from firsthand.tools import text
from firsthand.tools.call_text import LONGEST_CALL
from firsthand.tools.limits import Guard, Paused
from firsthand.tools.protocol import BlockedByTime, Context, Outcome, Status, Tool, WrongArguments, schema

log = logging.getLogger(__name__)
BOUNDS = (0.005, 0.02, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)  # seconds; the last bucket has no bound
LONG = 8192  # characters of text; checking more takes milliseconds, in which nobody else would be served
UNKNOWN = "unknown"  # the label of all tools that do not exist, so that a model cannot invent labels


Events = Counter[tuple[str, str]]  # (tool, event)


@dataclass
class Histogram:
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0

    def add(self, seconds: float) -> None:
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds


@dataclass
class Counters:
    """What happened, by tool; an event is a prevented leak, a retry, a replay."""

    calls: Counter[tuple[str, Status]] = field(default_factory=Counter)
    events: Events = field(default_factory=Counter)
    seconds: defaultdict[str, Histogram] = field(default_factory=lambda: defaultdict(Histogram))
    cost: Counter[str] = field(default_factory=Counter)  # US dollars

    def add(self, tool: str, outcome: Outcome) -> None:
        self.calls[tool, outcome.status] += 1
        self.seconds[tool].add(outcome.seconds)
        self.cost[tool] += outcome.cost  # type: ignore[assignment]  # a Counter adds floats as well
        self.events.update({(tool, "retry"): outcome.tries - 1, (tool, "replayed"): int(outcome.replayed)})


class Toolbox:
    """Safe for any number of concurrent calls; one instance a process."""

    def __init__(self, tools: Iterable[Tool], guards: dict[str, Guard] | None = None):
        self.tools = {tool.name: tool for tool in tools}
        self.counters = Counters()
        self._guards = {name: (guards or {}).get(name) or Guard() for name in self.tools}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.tools)

    @property
    def paused(self) -> tuple[str, ...]:
        """Tools whose breaker is open."""
        return tuple(name for name, guard in self._guards.items() if guard.breaker.is_open)

    def schemas(self) -> list[dict[str, Any]]:
        return [schema(tool) for tool in self.tools.values()]

    def lacks(self, context: Context) -> str | None:
        """What the tools lack for a row's source, so that no call can help; a tool says so if it knows."""
        for tool in self.tools.values():
            if (lacks := getattr(tool, "lacks", None)) and (why := lacks(context)):
                return f"{tool.name}: {why}"
        return None

    async def call(self, name: str, arguments: dict[str, Any] | str, context: Context) -> Outcome:
        """Never raises, but for its own cancellation."""
        start = time.perf_counter()
        tool = self.tools.get(name) if isinstance(name, str) else None
        if tool is None:
            message = f"There is no tool {text.shorten(name)!r}; the tools are {', '.join(self.names)}."
            outcome = self._counted(_checked(UNKNOWN, Outcome("user_error", message), context))
        else:
            outcome = await self._run(tool, arguments, context)
        outcome = replace(outcome, seconds=time.perf_counter() - start)
        self.counters.add(tool.name if tool else UNKNOWN, outcome)
        return outcome

    async def close(self) -> None:
        for tool in self.tools.values():
            if close := getattr(tool, "close", None):
                await close()

    async def _run(self, tool: Tool, arguments: dict[str, Any] | str, context: Context) -> Outcome:
        tries = 0

        async def run() -> Outcome:
            nonlocal tries
            tries += 1
            outcome = await tool.run(checked, context)
            if not isinstance(outcome, Outcome):
                raise TypeError(f"returned {type(outcome).__name__} instead of Outcome")
            if outcome.images or len(outcome.text) > LONG:
                return self._counted(await asyncio.to_thread(_checked, tool.name, outcome, context))
            return self._counted(_checked(tool.name, outcome, context))

        status: Status
        try:
            checked = check(tool, arguments)
            outcome = await self._guards[tool.name].run(run, context.budget.seconds)
        except WrongArguments as error:
            status, message = "user_error", str(error)
        except BlockedByTime as error:
            status, message = "blocked_by_time", str(error)
        except TimeoutError:
            status, message = "timeout", f"{tool.name} took longer than {context.budget.seconds:g} seconds."
            log.warning(message)
        except Exception as error:
            self.counters.events[tool.name, "paused"] += isinstance(error, Paused)
            status, message = "infra_error", _reason(tool.name, error)
        else:
            return replace(outcome, tries=max(tries, 1))
        outcome = Outcome(status, message, tries=max(tries, 1))
        return self._counted(_checked(tool.name, outcome, context))

    def _counted(self, checked: tuple[Outcome, Events]) -> Outcome:
        outcome, events = checked
        self.counters.events.update(events)
        return outcome


def _checked(name: str, outcome: Outcome, context: Context) -> tuple[Outcome, Events]:
    """What may be shown of an outcome, and what had to be done to it; any thread may ask."""
    budget, latest, events = context.budget, context.query_time, Events()
    moments = [*(image.moment for image in outcome.images), *(end for _, end in outcome.spans)]
    if latest is not None and not all(moment <= latest for moment in moments):  # `not all`: NaN leaks as well
        events[name, "leak_prevented"] += 1
        log.error("%s answered with %s, after the query time %s", name, max(moments), latest)
        return Outcome("infra_error", f"{name} failed and its answer was dropped.", tries=outcome.tries), events

    def safe(written: str) -> str:
        whole = text.clean(redact(written))
        cut = text.fit(whole, budget.tokens)
        events[name, "text_cut"] += cut != whole
        return cut

    images = outcome.images[: budget.images]
    events[name, "images_cut"] += len(outcome.images) - len(images)
    shown = replace(
        outcome,
        text=safe(outcome.text),
        data=text.every_string(outcome.data, safe),
        images=tuple(replace(image, jpeg=shrink(image.jpeg, budget.pixels)) for image in images),
    )
    return shown, events


def check(tool: Tool, arguments: dict[str, Any] | str) -> BaseModel:
    """A valid instance of the tool's arguments, or `WrongArguments` with a short correction and the right form."""
    if isinstance(arguments, str):
        if len(arguments) > LONGEST_CALL:
            raise WrongArguments(f"{tool.name}: the arguments are {len(arguments)} characters long. {_form(tool)}")
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            raise WrongArguments(f"{tool.name}: the arguments are not valid JSON. {_form(tool)}") from None
    if not isinstance(arguments, dict):
        raise WrongArguments(f"{tool.name}: the arguments must be one JSON object. {_form(tool)}")
    try:
        return tool.arguments.model_validate(arguments)
    except (ValidationError, RecursionError) as error:
        what = _problem(error) if isinstance(error, ValidationError) else "nested too deeply"
        raise WrongArguments(f"{tool.name}: {what}. {_form(tool)}") from None


def _problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(text.shorten(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]


def _form(tool: Tool) -> str:
    """The call written out with the first example of every argument."""
    fields = tool.arguments.model_fields.items()
    form = {name: (field.examples or ["..."])[0] for name, field in fields if field.is_required()}
    return f"The right form is {json.dumps(form)}."


def _reason(name: str, error: Exception) -> str:
    """Why a tool failed, as a model may read it; only the log knows more."""
    log.warning("%s failed: %s", name, redact(str(error)), exc_info=None if isinstance(error, Failed) else error)
    reason = str(error) if isinstance(error, Failed) else type(error).__name__
    return f"{name} is not available now: {reason}."
