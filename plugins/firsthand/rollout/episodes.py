"""Many questions for an agent with its tools: up to N at a time, resumable, one row per episode with all that happened.

`out` has one episode per line; kill -9 loses only those that are open. When a policy fails (its server is down, for
example) there is no episode: the question is listed in `<out>.errors.jsonl` with the reason, and the next run of the
same command asks it again.
"""

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from firsthand.errors import UserError
from firsthand.llm.ask_many import Pace, Summary, same_run, work_off
from firsthand.llm.client import check_server, connect
from firsthand.llm.keys import redact
from firsthand.llm.price import Price
from firsthand.llm.reply_cache import key_of
from firsthand.llm.row_log import RowLog
from firsthand.llm.throttle import Throttle
from firsthand.question import Question
from firsthand.rollout.agent import Limits, Policy, run_episode
from firsthand.rollout.chat_policy import ChatPolicy
from firsthand.rollout.dialects import Message
from firsthand.rollout.released_turn import Reading
from firsthand.rollout.trace import FINITE, Trace
from firsthand.rollout.turn_text import Dialect
from firsthand.tools.protocol import Budget, Context
from firsthand.tools.scope import END, Scope
from firsthand.tools.toolbox import Toolbox

log = logging.getLogger(__name__)
GIVE_UP = 16  # faults of policies in a row: the server is gone


class AgentSettings(BaseModel):
    """What decides an episode beside the question. Every row holds it together with the names of the tools, and a
    resumed file must agree with it."""

    model_config = ConfigDict(frozen=True)

    model: str
    dialect: Dialect
    limits: Limits = Limits()
    sampling: dict[str, Any] = {}
    functions: bool = False  # calls in the form of the API instead of the dialect's
    budget: Budget = Budget()  # for one call
    reading: Reading = "strict"  # of its turns

    @model_serializer(mode="wrap")
    def _strict_is_not_said(self, inner: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """So that files from before there was a choice can go on."""
        row: dict[str, Any] = inner(self)
        return row if self.reading != "strict" else {key: row[key] for key in row if key != "reading"}


class Served(NamedTuple):
    """A model behind a server, and how fast it is asked."""

    url: str
    model: str
    pace: Pace
    key: str | None = None


@dataclass(frozen=True)
class Task:
    """A question, the first messages to the policy, and which of several tries this is."""

    question: Question
    messages: list[Message]
    sample: int = 0

    @property
    def id(self) -> str:
        return f"{self.question.id}#{self.sample}" if self.sample else self.question.id

    @property
    def messages_sha256(self) -> str:
        return key_of(self.messages)

    @property
    def context(self) -> Context:
        identity, time = self.question.identity, self.question.query_time
        if not identity or not time:
            what = f"no query_time (DAYx_HHMMSSFF, or {END!r})" if identity else "no identity (A1_JAKE, or a video)"
            raise UserError(f"{self.id}: {what}, so tools do not know what may be seen")
        return Scope.of(identity, time).context()


class Episode(BaseModel):
    """A question, what happened, and the settings: one row of `out`. `firsthand eval score` reads `output`, `letter`
    and `decided`."""

    model_config = FINITE

    id: str
    sample: int = 0
    question: str
    options: dict[str, str]
    answer: str | None
    letter: str | None
    correct: bool | None  # None: the answer is not known, or the question is open
    decided: bool = True
    output: str  # text of the last turn
    identity: str | None = None
    query_time: str | None = None
    target_time: str | None = None
    data_source: str
    split: str
    label: str | None = None
    labels: dict[str, str | None] = {}
    trace: Trace
    prompt_tokens: int
    completion_tokens: int
    cost: float | None  # US dollars for tools and tokens; None: a price is unknown
    seconds: float
    settings: dict[str, Any]
    messages_sha256: str

    @property
    def question_id(self) -> str:
        return self.id.removesuffix(f"#{self.sample}") if self.sample else self.id


class EpisodesSummary(Summary):
    correct: int = 0
    known: int = 0  # episodes whose answer is known
    stops: dict[str, int] = {}
    faults: int = 0  # calls that failed through the tools alone
    cost: float | None = 0.0

    @property
    def note(self) -> str:
        right = f"{self.correct / self.known:.0%} right" if self.known else ""
        return f"{right}  {'price unknown' if self.cost is None else f'{self.cost:.2f} $'}"

    def count(self, row: dict[str, Any]) -> None:
        self.known += row["correct"] is not None
        self.correct += bool(row["correct"])
        self.faults += row["trace"]["faults"]
        self.stops = dict(Counter(self.stops) + Counter([row["trace"]["stop"]]))
        self.cost = None if self.cost is None or row["cost"] is None else self.cost + row["cost"]


async def run_episodes(
    tasks: Iterable[Task],
    open_policy: Callable[[Task], Policy],
    toolbox: Toolbox,
    settings: AgentSettings,
    out: Path | str,
    *,
    concurrency: int = 8,
    throttle: Throttle | None = None,
    price: Price | None = None,
) -> EpisodesSummary:
    """`open_policy` makes the policy of an episode when the episode begins; it starts from `task.messages`.

    If a policy counts `prompt_tokens` and `completion_tokens`, its row holds them, and their cost at `price`.
    """
    run = _Run(_by_id(tasks), open_policy, toolbox, settings, Path(f"{out}.errors.jsonl"), price)
    run.check()
    with RowLog(out) as rows:
        same_run(rows, run.tasks, run.stored)
        run.errors.unlink(missing_ok=True)
        run.summary = EpisodesSummary(resumed=len(rows.rows), torn=rows.torn)
        for row in rows.rows.values():
            run.summary.count(row)
        # What a policy raises is a fault of the policy or its server: tools cannot fail in `run_episode`.
        todo, faults = run.tasks.values(), (Exception,)
        throttle = throttle or Throttle(concurrency)
        await work_off(todo, run.episode, rows, faults, throttle=throttle, done=run.take)
    return run.summary


async def run_served(
    tasks: Iterable[Task],
    served: Served,
    tools: list[dict[str, Any]] | None,
    toolbox: Toolbox,
    settings: AgentSettings,
    out: Path | str,
    price: Price | None = None,
) -> EpisodesSummary:
    """The same with a model behind a server, which must be there; each sample of a question has a seed of its own."""
    pace, seed, throttle = served.pace, settings.sampling["seed"], served.pace.throttle()
    async with connect(served.url, pace.retries, pace.timeout, served.key, throttle=throttle) as client:
        await check_server(client, served.model)

        def policy(task: Task) -> ChatPolicy:
            sampling = settings.sampling | {"seed": seed + task.sample}
            own = served.model, task.messages, settings.dialect, tools, settings.functions
            return ChatPolicy(client, *own, **sampling)

        return await run_episodes(tasks, policy, toolbox, settings, out, throttle=throttle, price=price)


@dataclass
class _Run:
    tasks: dict[str, Task]
    open_policy: Callable[[Task], Policy]
    toolbox: Toolbox
    settings: AgentSettings
    errors: Path
    price: Price | None
    summary: EpisodesSummary = field(default_factory=EpisodesSummary)
    faults_in_a_row: int = 0  # of policies

    def __post_init__(self) -> None:
        self.stored = {**self.settings.model_dump(mode="json"), "tools": list(self.toolbox.names)}
        self.refused = {id: why for id, task in self.tasks.items() if (why := _why_not(task, self.toolbox))}

    def check(self) -> None:
        if self.tasks and len(self.refused) == len(self.tasks):
            first, why = next(iter(self.refused.items()))
            raise UserError(f"no question can be asked; the first, {first}: {why}")

    async def episode(self, task: Task) -> dict[str, Any]:
        if self.faults_in_a_row >= GIVE_UP:
            raise UserError(f"not asked, after {GIVE_UP} faults in a row")
        if task.id in self.refused:
            raise UserError(self.refused[task.id])
        began, policy, letters = time.monotonic(), self.open_policy(task), "".join(task.question.options)
        context = replace(task.context, budget=self.settings.budget)
        dialect, limits, reading = self.settings.dialect, self.settings.limits, self.settings.reading
        trace = await run_episode(policy, self.toolbox, context, dialect, letters, limits, reading)
        return self._row(task, policy, trace, time.monotonic() - began).model_dump()

    def _row(self, task: Task, policy: Policy, trace: Trace, seconds: float) -> Episode:
        question = task.question
        read, written = (getattr(policy, name, 0) for name in ("prompt_tokens", "completion_tokens"))
        tokens_cost = self._tokens_cost(read, written)
        return Episode(
            id=task.id,
            sample=task.sample,
            **question.model_dump(include=set(Episode.model_fields) - {"id"}),
            letter=trace.letter,
            correct=trace.letter == question.answer if question.answer and question.options else None,
            output=trace.turns[-1].text,
            target_time=question.labels.get("target_time"),
            trace=trace,
            prompt_tokens=read,
            completion_tokens=written,
            cost=None if tokens_cost is None else tokens_cost + sum(turn.cost for turn in trace.turns),
            seconds=round(seconds, 3),
            settings=self.stored,
            messages_sha256=task.messages_sha256,
        )

    def _tokens_cost(self, read: int, written: int) -> float | None:
        if not read and not written:
            return 0.0
        return None if self.price is None else self.price.of(read, written)

    def take(self, task: Task, result: dict[str, Any] | Exception) -> str:
        if isinstance(result, Exception):
            self.faults_in_a_row += not isinstance(result, UserError)  # a UserError is a fault of the question
            log.debug("%s", task.id, exc_info=result)
            why = self.summary.failed[task.id] = redact(f"{type(result).__name__}: {result}")
            with self.errors.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"id": task.id, "why": why}, ensure_ascii=False) + "\n")
        else:
            self.faults_in_a_row = 0
            self.summary.asked += 1
            self.summary.count(result)
        return self.summary.note


def _why_not(task: Task, toolbox: Toolbox) -> str | None:
    """Why the tools could do nothing for a task: its row is wrong, or they do not have the person or video."""
    try:
        return toolbox.lacks(task.context)
    except UserError as error:
        return str(error)


def _by_id(tasks: Iterable[Task]) -> dict[str, Task]:
    by_id: dict[str, Task] = {}
    for task in tasks:
        if by_id.setdefault(task.id, task) is not task:
            raise UserError(f"two questions have the id {task.id!r}; ids must be unique")
    return by_id
