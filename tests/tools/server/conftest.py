"""A small toolbox of real tools behind a real server: what it is told comes back in what it answers."""

import asyncio
from io import BytesIO
from typing import Any, Literal

import pytest
from PIL import Image as Picture
from pydantic import BaseModel, ConfigDict

from firsthand import clock
from firsthand.llm.faults import Unavailable
from firsthand.tools.limits import Guard
from firsthand.tools.protocol import BlockedByTime, Context, Image, Outcome, WrongArguments
from firsthand.tools.toolbox import Toolbox


class Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Search(Arguments):
    level: Literal["week", "day", "hour"]
    keywords: list[str]
    start_time: str | None = None
    query_time: str | None = None


class Watch(Arguments):
    question: str
    range: str


class Look(Arguments):
    question: str
    timestamp: str


class Terminate(Arguments):
    answer: str


class Scripted:
    """`end` chooses how a call ends; an `ok` answer repeats the arguments and the row."""

    description = "A tool for tests."

    def __init__(self, name: str, arguments: type[BaseModel]):
        self.name, self.arguments = name, arguments
        self.closed = False

    async def run(self, arguments: Any, context: Context) -> Outcome:
        end = arguments.model_dump().get("question") or "".join(arguments.model_dump().get("keywords", []))
        if end == "wrong":
            raise WrongArguments("that is wrong")
        if end == "future":
            raise BlockedByTime("that lies in the future")
        if end == "down":
            raise Unavailable("the service is down")
        if end == "slow":
            await asyncio.sleep(600)
        images = (Image(jpeg(), 86400.0),) if end == "picture" else ()
        asked = "end" if context.query_time is None else clock.stamp(context.query_time)
        data = {**arguments.model_dump(), "source": context.source, "asked": asked}
        return Outcome("ok", f"{self.name} of {context.source} at {asked}", images=images, data=data)

    async def close(self) -> None:
        self.closed = True


def jpeg() -> bytes:
    buffer = BytesIO()
    Picture.new("RGB", (32, 32), "red").save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def toolbox() -> Toolbox:
    kinds = {"rag": Search, "video_llm": Watch, "vlm": Look, "terminate": Terminate}
    tools = [Scripted(name, arguments) for name, arguments in kinds.items()]
    return Toolbox(tools, {name: Guard(retries=0) for name in kinds})
