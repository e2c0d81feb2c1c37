"""`vlm`: a question about the frame at one moment."""

import asyncio
from pathlib import Path

from pydantic import Field

from firsthand import clock
from firsthand.tools import text
from firsthand.tools.arguments import Arguments, Question, Timestamp, moment
from firsthand.tools.backends.base import Sight
from firsthand.tools.protocol import Context, Outcome
from firsthand.tools.seeing import AsksModel
from firsthand.tools.settings import Strict
from firsthand.tools.shared import Shared

GIVES_IMAGES = False
NAME_IS_A_WORD = False


class Settings(Strict):
    backend: str
    max_pixels: int = Field(1024 * 1024, ge=1024)


class VlmArguments(Arguments):
    question: Question
    timestamp: Timestamp


class Vlm(AsksModel):
    name = "vlm"
    description = Path(__file__).with_suffix(".txt").read_text().strip()
    arguments = VlmArguments

    async def run(self, arguments: VlmArguments, context: Context) -> Outcome:
        asked, question = moment(arguments.timestamp), text.clean(arguments.question)
        image = await asyncio.to_thread(self._environment.image, context, asked, self._pixels)
        sight = Sight(question, (image,), context.source, image.moment, image.moment)
        # exact: a moment that was not recorded is refused, not replaced by one nearby
        return await self._answer([sight], clock.stamp(asked), exact=True)


def open_tool(shared: Shared, settings: Settings) -> Vlm:
    return Vlm(shared.environment, shared.backend(settings.backend), max_pixels=settings.max_pixels)
