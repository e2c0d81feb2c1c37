"""Vectors of texts, from a model on this machine or behind an OpenAI-compatible server; optional beside the words."""

import logging
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


class WordEmbedder:
    """The mean of the vectors of a text's words, from a table that lies in the wheel of `wordllama`: 16 MB, no
    download, no GPU, a tenth of a millisecond for a search."""

    model = "wordllama"

    def __init__(self) -> None:
        root, quiet = logging.getLogger(), logging.NullHandler()
        root.addHandler(quiet)  # importing wordllama sets up the logging of a process that has none
        try:
            import wordllama
        except ImportError:
            raise UserError("wordllama is not installed: it is the extra `embed` of firsthand") from None
        finally:
            root.removeHandler(quiet)
        folder = Path(wordllama.__file__).parent  # as a cache: 0.4.0 misses its own tokenizer otherwise
        self._words = wordllama.WordLlama.load(cache_dir=folder, disable_download=True)

    def embed(self, texts: list[str]) -> np.ndarray:
        return _unit(self._words.embed(texts))


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


Embedder = LocalEmbedder | WordEmbedder | ServerEmbedder


def open_embedder(model: str, server: str | None = None) -> Embedder:
    if server:
        return ServerEmbedder(model, server)
    return WordEmbedder() if model == WordEmbedder.model else LocalEmbedder(model)


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
