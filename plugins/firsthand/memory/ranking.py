"""Rankings of candidates, best first. All statistics count the candidates only, so the future cannot change a rank."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from firsthand.memory.store import Run, Span, Store

K1, B = 1.2, 0.75  # BM25's usual constants
RRF = 60  # reciprocal rank fusion's usual constant


def bm25(store: Store, runs: Sequence[Run], terms: Sequence[str]) -> list[Span]:
    """The records that have any of the terms."""
    total = sum(run.records for run in runs)
    mean = sum(run.words for run in runs) / max(total, 1)
    hits = [hit for run in runs for hit in store.hits(run, terms)]
    holding = Counter(term for term, *_ in hits)
    rarity = {term: math.log(1 + (total - count + 0.5) / (count + 0.5)) for term, count in holding.items()}
    scores: defaultdict[Span, float] = defaultdict(float)
    for term, span, count, words in hits:
        scores[span] += rarity[term] * count * (K1 + 1) / (count + K1 * (1 - B + B * words / mean))
    return _best_first(scores)


def cosine(store: Store, runs: Iterable[Run], vector: np.ndarray) -> list[Span]:
    """All records, by their stored vectors, which have length 1."""
    rows = [row for run in runs for row in store.vectors(run)]
    matrix = np.frombuffer(b"".join(row[1] for row in rows), np.float16).reshape(len(rows), -1)
    return _best_first(dict(zip((row[0] for row in rows), (matrix.astype(np.float32) @ vector).tolist(), strict=True)))


def fused(rankings: Iterable[Sequence[Span]]) -> list[Span]:
    """Reciprocal rank fusion."""
    scores: dict[Span, float] = {}
    for ranking in rankings:
        for rank, span in enumerate(ranking, 1):
            scores[span] = scores.get(span, 0.0) + 1 / (RRF + rank)
    return _best_first(scores)


def _best_first(scores: Mapping[Span, float]) -> list[Span]:
    """With equal scores the later record comes first, since most questions are about what happened last."""
    return sorted(scores, key=lambda span: (-scores[span], -span.end, -span.start, span.id))
