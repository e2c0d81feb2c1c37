"""What answers questions about frames. A backend knows nothing of rows, ranges or query times: it gets frames."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from firsthand.tools.cassettes import Cassettes
from firsthand.tools.protocol import Image

SYSTEM_PROMPT = Path(__file__).with_name("system.txt").read_text().strip()


@dataclass(frozen=True)
class Sight:
    """A question about frames of one source that were seen between two moments."""

    question: str
    images: tuple[Image, ...]
    source: str
    start: float
    end: float


@dataclass(frozen=True)
class Answer:
    text: str
    cost: float = 0.0  # US dollars
    replayed: bool = False


class Backend(Protocol):
    settings: dict[str, Any]  # all that, beside the sight, decides an answer: model, prompt, sampling

    async def answer(self, sight: Sight) -> Answer: ...

    async def close(self) -> None: ...


class Recorded:
    """A backend whose calls go through cassettes. Neither keys nor addresses are part of a recording."""

    def __init__(self, backend: Backend, cassettes: Cassettes):
        self._backend, self._cassettes, self.settings = backend, cassettes, backend.settings

    async def answer(self, sight: Sight) -> Answer:
        request = {
            **self.settings,
            "question": sight.question,
            "media": [[image.moment, hashlib.sha256(image.jpeg).hexdigest()] for image in sight.images],
        }

        async def ask() -> dict[str, Any]:
            answer = await self._backend.answer(sight)
            return {"text": answer.text, "cost": answer.cost}

        response, replayed = await self._cassettes.play(request, ask)
        return Answer(response["text"], 0.0 if replayed else response["cost"], replayed)

    async def close(self) -> None:
        await self._backend.close()
