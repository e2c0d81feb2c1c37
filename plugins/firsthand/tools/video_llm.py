"""`video_llm`: a question about up to an hour of video, answered from its frames by a vision model."""

import asyncio
import itertools
from functools import partial
from pathlib import Path

from pydantic import Field

from firsthand import clock
from firsthand.tools import text
from firsthand.tools.arguments import Arguments, Question, Range, span
from firsthand.tools.backends.base import Sight
from firsthand.tools.environment import refuse_future
from firsthand.tools.protocol import Context, Outcome, WrongArguments
from firsthand.tools.seeing import AsksModel
from firsthand.tools.settings import Strict
from firsthand.tools.shared import Shared

SHORTEST, PIECE, LONGEST = 1.0, 600.0, 3600.0  # seconds; a longer range than a piece is asked in pieces

GIVES_IMAGES = False
NAME_IS_A_WORD = False


class Settings(Strict):
    backend: str
    fps: float = Field(1.0, gt=0)
    max_frames: int = Field(64, ge=1)  # for each ten minutes
    max_pixels: int = Field(448 * 448, ge=1024)


class VideoArguments(Arguments):
    question: Question
    range: Range


class VideoLlm(AsksModel):
    name = "video_llm"
    description = Path(__file__).with_suffix(".txt").read_text().strip()
    arguments = VideoArguments

    async def run(self, arguments: VideoArguments, context: Context) -> Outcome:
        start, end = span(arguments.range)
        refuse_future(context, end)
        length = clock.seconds_between(start, end)
        if not SHORTEST <= length <= LONGEST:
            raise WrongArguments(f"video_llm: the range is {length:g} seconds long; ask for 1 second to 10 minutes")
        question = text.clean(arguments.question)
        sights = await asyncio.to_thread(self._sights, question, context, start, end)
        exact = all([await asyncio.to_thread(self._environment.is_recorded, context, edge) for edge in (start, end)])
        return await self._answer(sights, clock.format_range(start, end), exact=exact, length=length)

    def _sights(self, question: str, context: Context, start: float, end: float) -> list[Sight]:
        """What is seen in each piece; that nothing was recorded is a mistake only if it is so in all of them."""
        sights, mistake = [], None
        seen = partial(self._environment.images, fps=self._fps, most=self._most, pixels=self._pixels)
        for piece in pieces(start, end):
            try:
                images = seen(context, *piece)
            except WrongArguments as error:
                mistake = error
            else:
                sights.append(Sight(question, images, context.source, images[0].moment, images[-1].moment))
        if mistake and not sights:
            raise mistake
        return sights


def open_tool(shared: Shared, settings: Settings) -> VideoLlm:
    backend = shared.backend(settings.backend)
    return VideoLlm(shared.environment, backend, **settings.model_dump(exclude={"backend"}))


def pieces(start: float, end: float) -> list[tuple[float, float]]:
    """The range in parts of equal length, none longer than ten minutes or over midnight."""
    midnights = [clock.midnight(day) for day in range(clock.day(start) + 1, clock.day(end) + 1)]
    edges = [start, *(moment for moment in midnights if start < moment < end), end]
    parts: list[tuple[float, float]] = []
    for first, last in itertools.pairwise(edges):
        count = max(1, -int(-(last - first) // PIECE))
        step = (last - first) / count
        cuts = [*(clock.plus(first, step * number) for number in range(count)), last]
        parts += itertools.pairwise(cuts)
    return parts
