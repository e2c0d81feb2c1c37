"""Vectors of texts, from a model on this machine or behind an OpenAI-compatible server; optional beside the words."""

from pathlib import Path
from typing import Any

import numpy as np

from firsthand.errors import UserError
from firsthand.memory.store import Store
from firsthand.memory.store_writer import write_vectors


class LocalEmbedder:
    def __init__(self, model: str) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError:
            raise UserError(
                f"{model} needs the package sentence-transformers; install it, or name a server of embeddings"
            ) from None
        self.model, self._encoder = model, SentenceTransformer(model)

    def embed(self, texts: list[str]) -> np.ndarray:
        """One float32 row of length 1 per text."""
        return _unit(self._encoder.encode(texts, show_progress_bar=False))


class ServerEmbedder:
    def __init__(self, model: str, server: str) -> None:
        from firsthand.llm.client import connect_blocking

        self.model, self._client = model, connect_blocking(server, timeout=300.0, key_env="OPENAI_API_KEY")

    def embed(self, texts: list[str]) -> np.ndarray:
        # A server refuses an empty text; a blank one has a vector like any other.
        reply = self._client.embeddings.create(
            model=self.model, input=[text or " " for text in texts], encoding_format="float"
        )
        return _unit([one.embedding for one in sorted(reply.data, key=lambda one: one.index)])


Embedder = LocalEmbedder | ServerEmbedder


def open_embedder(model: str, server: str | None = None) -> Embedder:
    return ServerEmbedder(model, server) if server else LocalEmbedder(model)


def add_vectors(path: Path | str, embedder: Embedder) -> Store:
    """Give every record of a memory its vector."""
    Store(path).close()  # says what is wrong with the file
    write_vectors(
        Path(path), embedder.model, lambda texts: [row.astype(np.float16).tobytes() for row in embedder.embed(texts)]
    )
    return Store(path)


def _unit(vectors: Any) -> np.ndarray:
    matrix = np.asarray(vectors, np.float32)
    return matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)
