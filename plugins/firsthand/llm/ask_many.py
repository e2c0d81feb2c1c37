"""Many questions into one `RowLog`: up to N open at once, one failure stops nothing, and two runs never mix.

Everything that asks questions uses this: one or a few requests each (`ask_all`), or an agent with its tools
(`rollout/episodes.py`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from openai import APIError, AsyncOpenAI
from pydantic import BaseModel

from firsthand.errors import UserError
from firsthand.llm import keys
from firsthand.llm.client import BadAnswer, Settings, check_server, connect
from firsthand.llm.row_log import RowLog
from firsthand.llm.throttle import Throttle
from firsthand.progress import progress_bar


class Asked(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def messages_sha256(self) -> str: ...


Item = TypeVar("Item")
Question = TypeVar("Question", bound=Asked)
Row = dict[str, Any]


class Summary(BaseModel):
    asked: int = 0  # in this run
    resumed: int = 0  # answered by an earlier run
    torn: bool = False  # the earlier run left half a line, which is in OUT.torn now and asked again
    failed: dict[str, str] = {}  # id -> why there is no row

    def add(self, other: "Summary", way: str = "") -> None:
        """The same questions, asked in a way of their own."""
        self.asked, self.resumed = self.asked + other.asked, self.resumed + other.resumed
        self.torn |= other.torn
        self.failed |= {f"{key} ({way})" if way else key: why for key, why in other.failed.items()}


class Pace(NamedTuple):
    concurrency: int = 8  # questions in flight at once, at most; fewer while the server can take fewer
    retries: int = 6  # per request
    timeout: float = 600.0  # seconds per request
    patience: float = 600.0  # seconds that a server may be gone before its requests fail

    def throttle(self) -> Throttle:
        return Throttle(self.concurrency, self.patience)


async def share(
    items: Iterable[Item],
    work: Callable[[Item, int], Awaitable[None]],
    workers: int,
    slots: AbstractAsyncContextManager[None] = nullcontext(),
) -> None:
    """Each worker takes the next item. After a failure nobody takes another one, but what is open is finished: its
    answers are paid for, and belong in the log."""
    waiting, failed = iter(items), False

    async def worker(number: int) -> None:
        nonlocal failed
        while True:
            async with slots:
                if failed or (item := next(waiting, None)) is None:
                    return
                try:
                    await work(item, number)
                except Exception:
                    failed = True
                    raise

    ends = await asyncio.gather(*map(worker, range(workers)), return_exceptions=True)
    for fault in filter(None, ends):
        raise fault


async def work_off(
    items: Collection[Question],
    answer: Callable[[Question], Awaitable[Row]],
    log: RowLog,
    faults: tuple[type[Exception], ...],
    *,
    throttle: Throttle,
    done: Callable[[Question, Row | Exception], str | None],
) -> None:
    """Logs the row of every item that has none. `done` gets each row, or the fault of an item without one, and what it
    returns stands beside the bar.

    As many items are open as the throttle lets in, and nothing of the others is read: a slow server slows us down
    instead of filling our memory and its queue.
    """
    left = [item for item in items if item.id not in log.rows]
    asking = progress_bar()
    task = asking.add_task("asking", total=len(items), completed=len(items) - len(left))

    async def work(item: Question, _: int) -> None:
        try:
            row = await answer(item)
        except faults as error:
            note = done(item, error)
        else:
            log.append(row)
            note = done(item, row)
        asking.update(task, advance=1, description=f"asking, {throttle.limit} at once  {note or ''}")

    with asking:
        await share(left, work, throttle.most, throttle.questions)


def same_run(log: RowLog, items: Mapping[str, Asked], settings: Mapping[str, Any]) -> None:
    """A file holds the answers of one model to one set of questions; continuing it with another would mix two runs."""
    for row in log.rows.values():
        item = items.get(row["id"])
        if item is None:
            raise UserError(f"{log.path} answers {row['id']!r}, which is not among the questions; use another --out")
        if row.get("messages_sha256") != item.messages_sha256:
            raise UserError(f"{log.path}: the question {row['id']!r} has changed since; use another --out")
        if row.get("settings") != settings:
            raise UserError(f"{log.path} was begun with {row.get('settings')}, not {settings}; use another --out")


async def ask_all(
    questions: Mapping[str, Question],
    answer: Callable[[AsyncOpenAI, Question], Awaitable[Row]],
    out: Path | str,
    server: str,
    settings: Settings,
    pace: Pace = Pace(),
    key: str | None = None,
    note: Callable[[Row], str] | None = None,
) -> Summary:
    """A row for every question that has none, by whatever `answer` does to get it. `note` sees every row, also those of
    earlier runs, and what it returns stands beside the bar."""
    throttle, said = pace.throttle(), ""
    with RowLog(out) as log:
        summary = Summary(resumed=len(log.rows), torn=log.torn)
        same_run(log, questions, settings.model_dump())
        for row in log.rows.values():
            said = note(row) if note else ""
        async with connect(server, pace.retries, pace.timeout, key, throttle=throttle) as client:
            await check_server(client, settings.model)

            def done(question: Question, result: Row | Exception) -> str:
                nonlocal said
                if isinstance(result, Exception):
                    summary.failed[question.id] = keys.redact(f"{type(result).__name__}: {result}")
                else:
                    summary.asked += 1
                    said = note(result) if note else ""
                return said

            faults = (APIError, BadAnswer, UserError)
            await work_off(questions.values(), partial(answer, client), log, faults, throttle=throttle, done=done)
    return summary
