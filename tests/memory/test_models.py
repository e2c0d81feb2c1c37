"""Vectors and the order of a language model, from a real server."""

import logging
import socket
import sys
from pathlib import Path

import pytest

from firsthand import clock
from firsthand.errors import UserError
from firsthand.memory.dense import ServerEmbedder, add_vectors, open_embedder
from firsthand.memory.records import Record
from firsthand.memory.rerank import Reranker
from firsthand.memory.search import Searcher
from firsthand.memory.store import Store

TEXTS = ["red red lamp", "a blue box", "green and red", "blue lamp", ""]


@pytest.fixture
def store(build) -> Store:
    start = clock.parse("DAY1_10000000")
    return build(Record("A", "1hour", start + 3600 * i, start + 3600 * (i + 1), text) for i, text in enumerate(TEXTS))


def texts(searcher: Searcher, *keywords: str, query_time: str | None = None) -> list[str]:
    query = clock.parse(query_time) if query_time else None
    return [one.text for one in searcher.search("day", keywords, clock.parse("DAY1_10000000"), query, "A").records]


def test_dense_and_hybrid_search(store, chat, tmp_path) -> None:
    embedder = ServerEmbedder("counts", chat.url)
    with pytest.raises(UserError, match="firsthand memory embed"):
        Searcher(store, "dense", embedder=embedder)
    digest, store = store.digest, add_vectors(store.path, embedder)
    assert store.digest == digest and store.embedding_model == "counts"
    dense = Searcher(store, "dense", embedder=embedder)
    assert texts(dense, "blue")[:2] == ["blue lamp", "a blue box"]  # equal vectors: the later first
    assert texts(dense, "blue", query_time="DAY1_13000000")[0] == "a blue box"
    assert "blue lamp" not in texts(dense, "blue", query_time="DAY1_13595900")
    hybrid = Searcher(store, "hybrid", embedder=embedder, limit=2)
    assert texts(hybrid, "blue", "lamps") == ["blue lamp", "a blue box"]
    with pytest.raises(UserError, match="needs counts"):
        Searcher(store, "dense", embedder=ServerEmbedder("other", chat.url))


def test_a_memory_with_vectors_still_searches_words_without_a_model(store, chat) -> None:
    store = add_vectors(store.path, ServerEmbedder("counts", chat.url))
    assert texts(Searcher(store), "box") == ["a blue box"]


def test_an_embedding_model_on_this_machine_needs_its_package(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(UserError, match="sentence-transformers"):
        open_embedder("some/model")


def test_wordllama_needs_its_extra(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "wordllama", None)
    with pytest.raises(UserError, match="extra `embed`"):
        open_embedder("wordllama")


def test_wordllama_searches_by_meaning_without_a_network(store, monkeypatch) -> None:
    pytest.importorskip("wordllama")
    monkeypatch.setattr(socket, "socket", None)
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    embedder = open_embedder("wordllama")
    assert (logging.getLogger().handlers, logging.getLogger().level) == (handlers, level)
    store = add_vectors(store.path, embedder)
    assert store.embedding_model == "wordllama"
    assert texts(Searcher(store, "dense", embedder=embedder), "container")[0] == "a blue box"
    assert texts(Searcher(store, "hybrid", embedder=embedder), "lamps")[0] in ("blue lamp", "red red lamp")


def test_a_language_model_orders_the_best_once(store, chat, tmp_path: Path) -> None:
    plain = texts(Searcher(store), "red", "blue")
    reranker = Reranker(chat.url, "judge", tmp_path / "replies.sqlite", depth=3)
    assert texts(Searcher(store, reranker=reranker), "red", "blue") == [plain[1], plain[0], *plain[2:]]
    (asked,) = chat.requests
    assert asked["temperature"] == 0 and plain[0] in asked["messages"][1]["content"]
    again = Reranker(chat.url, "judge", tmp_path / "replies.sqlite", depth=3)
    assert texts(Searcher(store, reranker=again), "red", "blue") == [plain[1], plain[0], *plain[2:]]
    assert len(chat.requests) == 1 and texts(Searcher(store, reranker=again), "box") == ["a blue box"]
    assert len(chat.requests) == 1 and again.unread == 0  # one candidate needs no order


@pytest.mark.parametrize(
    "reply, order, unread",
    [("[2, 0, 1]", [2, 0, 1], 0), ("so: [1,1,9]", [1, 0, 2], 0), ("none", [0, 1, 2], 1), ("[,]", [0, 1, 2], 1)],
)
def test_replies_of_a_language_model(chat, tmp_path, reply, order, unread) -> None:
    reranker = Reranker(chat.url, "judge", tmp_path / "replies.sqlite")
    assert reranker._read(reply, 3) == order and reranker.unread == unread
