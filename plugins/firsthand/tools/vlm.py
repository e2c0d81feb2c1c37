"""`vlm`: a question about the frame at one moment."""

import asyncio
from pathlib import Path

from pydantic import Field

from firsthand import clock
from firsthand.tools import text
from firsthand.tools.arguments import Arguments, Question, Timestamp, moment
from firsthand.tools.backends.base import Backend, Sight
from firsthand.tools.environment import Environment, Sees
from firsthand.tools.protocol import Context, Image, Outcome
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


class Vlm(Sees):
    name = "vlm"
    description = Path(__file__).with_suffix(".txt").read_text().strip()
    arguments = VlmArguments

    def __init__(self, environment: Environment, backend: Backend, *, max_pixels: int):
        self._environment, self._backend, self._max_pixels = environment, backend, max_pixels

    async def run(self, arguments: VlmArguments, context: Context) -> Outcome:
        asked, question = moment(arguments.timestamp), text.clean(arguments.question)
        image = await asyncio.to_thread(self._image, context, asked)
        sight = Sight(question, (image,), context.source, image.moment, image.moment)
        answer = await self._backend.answer(sight)
        return Outcome(
            "ok",
            answer.text,
            spans=((image.moment, image.moment),),
            data={
                "query_time": clock.stamp(asked),
                "question": question,
                "answer": answer.text,
                "exact_match": True,  # a moment that was not recorded is refused, not replaced by one nearby
            },
            cost=answer.cost,
            replayed=answer.replayed,
        )

    async def close(self) -> None:
        await self._backend.close()

    def _image(self, context: Context, asked: float) -> Image:
        frame = self._environment.frame(context, asked)
        return Image(frame.jpeg(self._max_pixels), frame.moment)


def open_tool(shared: Shared, settings: Settings) -> Vlm:
    return Vlm(shared.environment, shared.backend(settings.backend), max_pixels=settings.max_pixels)
