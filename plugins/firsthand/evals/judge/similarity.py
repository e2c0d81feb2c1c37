"""How alike an answer and the gold one are in meaning, as a sentence model has it: the cosine of their embeddings.

The model is one that a server gives at `/v1/embeddings`, so its number stands with its name, as that of a judge does.
Two models give two scales: compare within a column only.
"""

from typing import Any

import numpy as np
from openai import AsyncOpenAI

from firsthand.evals.judge.protocols import Verdict
from firsthand.llm.client import Settings, embed

SIMILARITY = "similarity"


class Similarity:
    """Stands in the place of a protocol. Without the model it can judge an empty answer only, which is worth 0."""

    name, marks, field = SIMILARITY, (SIMILARITY,), "input"

    def asked(self, question: str, gold: str, said: str) -> list[Any]:
        return [gold, said]

    async def send(self, client: AsyncOpenAI, asked: list[Any], settings: Settings) -> str:
        gold, said = map(np.asarray, await embed(client, settings.model, asked))
        return f"{gold @ said / (np.linalg.norm(gold) * np.linalg.norm(said)):.6f}"

    def read(self, output: str) -> Verdict | None:
        """From 0 to 1: a negative cosine counts as 0."""
        cosine = float(output)
        return {SIMILARITY: min(1.0, max(0.0, cosine))} if np.isfinite(cosine) else None

    def by_rule(self, gold: str, said: str) -> Verdict | None:
        return None if said else {SIMILARITY: 0.0}
