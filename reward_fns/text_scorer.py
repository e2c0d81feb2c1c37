"""One text tower for all reward workers of a run, and what it has read already.

A model in every reward worker would cost its memory and its threads several times over. In a run of Ray the first
worker that needs the model starts an actor, which all of them ask; what they ask at the same moment is read in one
batch. Policies name the same few things again and again, so most names are never read a second time. Without Ray the
model is in this process.
"""

import asyncio
import sys
from functools import cache
from typing import Any

import numpy as np

from firsthand.similarity import Similarity

GATHER = 0.005  # seconds in which the names of several responses come together
MOST = 100_000  # names that are kept
Read = tuple[np.ndarray, list[bool]]  # vectors [n, d], and whether each text was longer than the model can read


class Texts:
    def __init__(self, model: str) -> None:
        self.similarity = Similarity(model)
        self.known: dict[str, tuple[np.ndarray, bool]] = {}
        self.waiting: dict[str, None] = {}
        self.batches = 0

    async def read(self, texts: list[str]) -> Read:
        self.waiting |= dict.fromkeys(texts)
        await asyncio.sleep(GATHER)
        lacking = [text for text in {**self.waiting, **dict.fromkeys(texts)} if text not in self.known]
        self.waiting.clear()
        if lacking:  # else another caller has read them by now
            self._learn(lacking)
        vectors, long = zip(*(self.known[text] for text in texts), strict=True)
        while len(self.known) > MOST:
            self.known.pop(next(iter(self.known)))
        return np.stack(vectors), list(long)

    def _learn(self, texts: list[str]) -> None:
        longest = self.similarity.longest
        long = [self.similarity.tokens(text) > longest for text in texts]
        self.known |= dict(zip(texts, zip(self.similarity.texts(texts), long, strict=True), strict=True))
        self.batches += 1


async def read(model: str, texts: list[str]) -> Read:
    """By the scorer of this run."""
    found = _scorer(model)
    return await (found.read.remote(texts) if hasattr(found.read, "remote") else found.read(texts))


@cache
def _scorer(model: str) -> Any:
    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return Texts(model)
    options = {"name": f"texts of {model}", "get_if_exists": True, "num_cpus": 0, "max_concurrency": 1000}
    return ray.remote(Texts).options(**options).remote(model)
