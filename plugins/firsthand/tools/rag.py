"""`rag`: search the written memory of days, hours and ten-minute stretches, as Ego-R1's agents call it.

`order` is ours: it answers when something was last or first, and how often. Ego-R1's agents do not know it; without it
an answer is what their server gives.
"""

import asyncio
import logging
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from firsthand import clock
from firsthand.errors import UserError
from firsthand.llm.faults import Failed
from firsthand.memory.matches import Matches
from firsthand.memory.records import Record
from firsthand.memory.search import Found, Order, Searcher
from firsthand.tools.arguments import Arguments, Timestamp, moment
from firsthand.tools.environment import refuse_future
from firsthand.tools.protocol import Context, Outcome, WrongArguments
from firsthand.tools.settings import Strict
from firsthand.tools.shared import Shared

log = logging.getLogger(__name__)
GIVES_IMAGES = False
NAME_IS_A_WORD = False


class Settings(Strict):
    results: int = Field(1, ge=1, le=5)  # records in an answer; Ego-R1's server gives one


class RagArguments(Arguments):
    level: Literal["week", "day", "hour"] = Field(
        description="week: finds a day. day: finds an hour of the day of start_time. "
        "hour: finds ten minutes of the hour that begins at start_time.",
        examples=["day"],
    )
    keywords: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        min_length=1, max_length=32, description="Things, people, places, actions.", examples=[["screwdriver", "table"]]
    )
    start_time: Timestamp | None = Field(
        None, description="The day, or the begin of the hour, to search.", examples=["DAY1_11210217"]
    )
    query_time: Timestamp | None = Field(
        None, description="When the question is asked: nothing later is found.", examples=["DAY2_09300000"]
    )
    order: Order | None = Field(
        None,
        description="latest, earliest: records that match, by time. With any order the matches are counted (clips of "
        "30 seconds that have the most keywords), and the times of the first and the last are given.",
        examples=["latest"],
    )


class Rag:
    name = "rag"
    description = Path(__file__).with_suffix(".txt").read_text().strip()
    arguments = RagArguments

    def __init__(self, searcher: Searcher, results: int = 1):
        self._searcher, self._results = searcher, results

    def lacks(self, context: Context) -> str | None:
        known = context.source in self._searcher.store.sources()
        return None if known else f"there is no memory of {context.source}"

    async def run(self, arguments: RagArguments, context: Context) -> Outcome:
        if why := self.lacks(context):
            raise Failed(why)
        start, latest = _window(arguments, context)
        try:
            found = await self._search(arguments, start, latest, context.source)
        except UserError as error:
            log.error("rag: %s", error)
            raise Failed("its memory cannot be searched") from None
        records = found.records[: self._results]
        if not records:
            text = "The memory holds nothing of that time."
            return Outcome("ok", text, data={**_answer(arguments.level, text), "exact_match": False})
        lines = [f"{clock.format_range(record.start, record.end)}: {record.text}" for record in records]
        counted = {"matches": found.matches.count} if found.matches else {}
        return Outcome(
            "ok",
            "\n".join([*([_count(found.matches)] if found.matches else []), *lines]),
            spans=tuple((record.start, record.end) for record in records),
            data={**_when(arguments.level, records[0]), **_answer(arguments.level, records[0].text)}
            | {"exact_match": found.exact, **counted},
        )

    async def _search(self, asked: RagArguments, start: float | None, latest: float | None, source: str) -> Found:
        """A thread costs as much as a search among words; what waits for a model or counts matches takes longer."""
        where = asked.level, asked.keywords, start, latest, source, asked.order
        if self._searcher.quick and asked.order is None:
            return self._searcher.search(*where)
        return await asyncio.to_thread(self._searcher.search, *where)


def open_tool(shared: Shared, settings: Settings) -> Rag:
    return Rag(shared.searcher, settings.results)


def _window(arguments: RagArguments, context: Context) -> tuple[float | None, float | None]:
    """Where the search starts, what it may not pass: the row's query time, or an earlier one the model asks for."""
    latest = context.query_time
    if arguments.query_time is not None:
        asked = moment(arguments.query_time)
        latest = asked if latest is None else min(asked, latest)
    if arguments.start_time is None:
        return None, latest
    start = moment(arguments.start_time)
    refuse_future(context, start)
    if latest is not None and start > latest:
        raise WrongArguments(f"rag: start_time {arguments.start_time} lies after query_time {arguments.query_time}")
    return start, latest


def _count(matches: Matches) -> str:
    number = f"{matches.count} match{'' if matches.count == 1 else 'es'}"
    if not matches.count:
        return f"{number}."
    words = "" if matches.held == matches.asked else f" of {matches.held} of {matches.asked} words"
    return f"{number}{words}, from {clock.stamp(matches.start)} to {clock.stamp(matches.end)}."


def _when(level: str, record: Record) -> dict[str, Any]:
    if level == "week":
        return {"day_label": clock.date(record.start)}
    return {"date": clock.day(record.start), "start_time": int(clock.time(record.start))}


def _answer(level: str, text: str) -> dict[str, Any]:
    return {"relevant_content": text, "level": level}
