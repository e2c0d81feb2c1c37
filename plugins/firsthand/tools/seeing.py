"""What tools that look at frames share; some hand what they see to a vision model and give its answer."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

from firsthand import clock
from firsthand.tools.backends.base import Answer, Backend, Sight
from firsthand.tools.environment import Environment
from firsthand.tools.protocol import Context, Outcome


class Sees:
    def __init__(self, environment: Environment):
        self._environment = environment

    def lacks(self, context: Context) -> str | None:
        return self._environment.lacks(context)


class AsksModel(Sees):
    def __init__(
        self, environment: Environment, backend: Backend, *, max_pixels: int, max_frames: int = 1, fps: float = 1.0
    ):
        super().__init__(environment)
        self._backend, self._pixels, self._most, self._fps = backend, max_pixels, max_frames, fps

    async def close(self) -> None:
        await self._backend.close()

    async def _answer(self, sights: Sequence[Sight], asked: str, *, exact: bool, **more: Any) -> Outcome:
        """What the model says of each sight, with the fields of Ego-R1's routes; all sights have one question."""
        answers = await _all(*(self._backend.answer(sight) for sight in sights))
        text = _joined(sights, answers)
        return Outcome(
            "ok",
            text,
            spans=tuple((sight.start, sight.end) for sight in sights),
            data={"query_time": asked, "question": sights[0].question, "answer": text, "exact_match": exact, **more},
            cost=sum(each.cost for each in answers),
            replayed=all(each.replayed for each in answers),
        )


async def _all(*asking: Awaitable[Answer]) -> list[Answer]:
    """All answers, or the first fault with the rest cancelled."""
    tasks = [asyncio.ensure_future(each) for each in asking]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def _joined(sights: Sequence[Sight], answers: Sequence[Answer]) -> str:
    if len(answers) == 1:
        return answers[0].text
    return "\n".join(
        f"{clock.format_range(sight.start, sight.end)}: {answer.text}"
        for sight, answer in zip(sights, answers, strict=True)
    )
