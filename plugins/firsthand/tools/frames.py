"""`frames`: pictures of a range of time that go into the conversation, for models that look for themselves."""

import asyncio
from functools import partial
from pathlib import Path

from pydantic import Field

from firsthand import clock
from firsthand.tools.arguments import Arguments, Range, span
from firsthand.tools.protocol import Context, Outcome, WrongArguments
from firsthand.tools.seeing import Sees
from firsthand.tools.settings import NoSettings as Settings
from firsthand.tools.shared import Shared

GIVES_IMAGES = True
NAME_IS_A_WORD = True


class FramesArguments(Arguments):
    range: Range
    n: int | None = Field(None, ge=1, le=1024, description="How many frames, evenly spread.", examples=[4])
    fps: float | None = Field(None, gt=0, le=30, description="Frames a second, instead of n.")


class Frames(Sees):
    name = "frames"
    description = Path(__file__).with_suffix(".txt").read_text().strip()
    arguments = FramesArguments

    async def run(self, arguments: FramesArguments, context: Context) -> Outcome:
        if arguments.n and arguments.fps:
            raise WrongArguments("frames: give n or fps, not both")
        start, end = span(arguments.range)
        most = min(arguments.n or context.budget.images, context.budget.images)
        seen = partial(self._environment.images, fps=arguments.fps, most=most, pixels=context.budget.pixels)
        images = await asyncio.to_thread(seen, context, start, end)
        times = "\n".join(f"image {number}: {clock.stamp(image.moment)}" for number, image in enumerate(images, 1))
        return Outcome("ok", times, images, spans=tuple((image.moment, image.moment) for image in images))


def open_tool(shared: Shared, settings: Settings) -> Frames:
    return Frames(shared.environment)
