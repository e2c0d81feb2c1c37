"""What answers questions about frames. A backend knows nothing of rows, ranges or query times: it gets frames."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from firsthand.llm.faults import LONGEST_WAIT, Failed, Unavailable
from firsthand.llm.price import Price
from firsthand.tools.cassettes import Cassettes
from firsthand.tools.limits import KeyPool
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


class RemoteBackend:
    """What backends behind an API share: keys that take turns, a price, and what a fault means for a key."""

    kind: str
    seconds_of_rest: float  # of a key after HTTP 429, if the service does not say how long

    def __init__(self, model: str, keys: KeyPool, *, max_tokens: int, price: Price, base_url: str | None = None):
        self.settings: dict[str, Any] = {
            "backend": self.kind,
            "model": model,
            "system": SYSTEM_PROMPT,
            "temperature": 0.0,
            "max_tokens": max_tokens,
        }
        self._keys, self._price, self._base_url = keys, price, base_url

    def _fault(self, key: str, fault: Failed) -> Failed:
        """A key that was refused, or used too often, rests; the next try takes another or waits."""
        rest = {429: self.seconds_of_rest, 401: LONGEST_WAIT, 403: LONGEST_WAIT}.get(fault.status or 0)
        if rest is None:
            return fault
        self._keys.rest(key, fault.retry_after or rest, f"HTTP {fault.status}")
        return Unavailable(f"HTTP {fault.status}")


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
