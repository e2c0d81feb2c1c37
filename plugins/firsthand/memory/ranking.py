"""Scores of candidates, best first; all statistics are those of the candidates, so the future cannot move a rank."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from firsthand.memory.store import Span, Store

K1, B = 1.2, 0.75  # BM25's usual constants
RRF = 60  # reciprocal rank fusion's usual constant

Scores = dict[int, float]  # record id -> the higher the better


def bm25(store: Store, runs: Iterable[Sequence[Span]], terms: Sequence[str]) -> Scores:
    """Of the candidates that have any of the terms; a run is a list of spans of one level."""
    runs = [run for run in runs if run]
    words = {span.id: span.words for run in runs for span in run}
    mean = sum(words.values()) / max(len(words), 1) or 1.0
    scores: Scores = {}
    for term in terms:
        ranges = [store.postings(term, min(run).id, max(run).id) for run in runs]
        counts = {number: count for found in ranges for number, count in found if number in words}
        rarity = math.log(1 + (len(words) - len(counts) + 0.5) / (len(counts) + 0.5))
        for number, count in counts.items():
            weight = count * (K1 + 1) / (count + K1 * (1 - B + B * words[number] / mean))
            scores[number] = scores.get(number, 0.0) + rarity * weight
    return scores


def cosine(store: Store, runs: Iterable[Sequence[Span]], vector: np.ndarray) -> Scores:
    """Of all candidates, by their stored vectors, which have length 1."""
    scores: Scores = {}
    for run in filter(None, runs):
        numbers = {span.id for span in run}
        rows = [row for row in store.vectors(min(run).id, max(run).id) if row[0] in numbers]
        matrix = np.frombuffer(b"".join(row[1] for row in rows), np.float16).reshape(len(rows), -1)
        scores |= dict(zip((row[0] for row in rows), (matrix.astype(np.float32) @ vector).tolist(), strict=True))
    return scores


def fuse(rankings: Iterable[Sequence[int]]) -> Scores:
    """Reciprocal rank fusion."""
    scores: Scores = {}
    for ranking in rankings:
        for rank, number in enumerate(ranking, 1):
            scores[number] = scores.get(number, 0.0) + 1 / (RRF + rank)
    return scores


def best_first(scores: Scores, spans: dict[int, Span]) -> list[int]:
    """Ids by score; of equals the later one, since what is asked about is mostly what happened last."""
    return sorted(scores, key=lambda number: (-scores[number], -spans[number].end, -spans[number].start, number))
