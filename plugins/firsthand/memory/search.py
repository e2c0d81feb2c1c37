"""Search as an agent asks for it, causal by construction: what may be seen is decided before anything is ranked.

`query_time` comes from the environment, never from the model. A search is a function of its arguments and of what had
happened by then: the same question gives the same records, whatever was recorded later.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal, get_args

from firsthand import clock
from firsthand.errors import UserError
from firsthand.memory import ranking as ranks
from firsthand.memory.dense import Embedder
from firsthand.memory.levels import tiles, windows
from firsthand.memory.matches import Matches, find
from firsthand.memory.records import Record
from firsthand.memory.rerank import Reranker
from firsthand.memory.store import Run, Span, Store
from firsthand.memory.words import MAX_CHARACTERS, MAX_TERMS, Analyser, Synonyms

Ranking = Literal["lexical", "dense", "hybrid"]
Order = Literal["relevance", "latest", "earliest"]


@dataclass(frozen=True)
class Found:
    records: tuple[Record, ...]  # best first
    exact: bool  # they match the keywords and lie where the level looks; else the nearest record, or nothing
    matches: Matches | None = None  # where an order was asked for


class Searcher:
    """Searches one store, and remembers its latest answers; safe for many threads."""

    def __init__(
        self,
        store: Store,
        ranking: Ranking = "lexical",
        *,
        limit: int = 5,
        synonyms: Path | str | None = None,
        embedder: Embedder | None = None,
        reranker: Reranker | None = None,
    ) -> None:
        if ranking not in get_args(Ranking):
            raise UserError(f"ranking {ranking!r} is not one of {', '.join(get_args(Ranking))}")
        if ranking != "lexical" and (embedder is None or store.embedding_model != embedder.model):
            needs = store.embedding_model or "vectors: `firsthand memory embed` adds them"
            raise UserError(f"{ranking} search of {store.path} needs {needs}")
        self.store, self.ranking, self.limit = store, ranking, limit
        self.embedder, self.reranker = embedder if ranking != "lexical" else None, reranker
        self._analyser = Analyser()
        self._synonyms = Synonyms(synonyms, self._analyser) if synonyms else None
        # A store never changes, so neither does an answer, nor what may be seen: the rollouts of a question share it.
        self._search = lru_cache(maxsize=4096)(self._search_now)
        self._tiles = lru_cache(maxsize=4096)(partial(tiles, store))

    @property
    def quick(self) -> bool:
        """It looks into the store only, and needs no model."""
        return self.embedder is None and self.reranker is None

    def search(
        self,
        level: str,
        keywords: Sequence[str],
        start_time: float | None,
        query_time: float | None,
        source: str,
        order: Order | None = None,
    ) -> Found:
        """Records for keywords; `level` is "week", "day" or "hour", times are seconds of `clock`.

        Nothing returned ends after `query_time`. Without `start_time`, "day" is the day of the query time and "hour"
        the hour before it; in a video both are the ten minutes before it. With an order the matches are counted, and
        "latest" and "earliest" give the records in which they lie, whatever the ranking.
        """
        if order is not None and order not in get_args(Order):
            raise UserError(f"order {order!r} is not one of {', '.join(get_args(Order))}")
        short = tuple(keyword[:MAX_CHARACTERS] for keyword in keywords[:MAX_TERMS])
        return self._search(level, short, start_time, query_time, source, order)

    def _search_now(
        self,
        level: str,
        keywords: tuple[str, ...],
        start: float | None,
        query: float | None,
        source: str,
        order: Order | None,
    ) -> Found:
        if start is not None and query is not None and start > query:
            return Found((), exact=False)
        where, *elsewhere = windows(self.store, source, level, start, query)
        runs = self._tiles(source, where, query)
        matches, held = self._find(runs, source, keywords) if order else (None, [])
        in_time = sorted(held, key=_time, reverse=order != "earliest")
        if ranked := (order != "relevance" and in_time) or self._rank(runs, keywords) or in_time:
            return Found(self._fetch(ranked[: self.limit]), True, matches)
        if latest := sorted(self._spans(runs), key=_time)[-1:]:
            return Found(self._fetch(latest), False, matches)
        around = [span for other in elsewhere for span in self._spans(self._tiles(source, other, query))]
        nearest = sorted(around, key=lambda span: (abs(clock.seconds_between(where.start, span.start)), span.id))[:1]
        return Found(self._fetch(nearest), False, matches)

    def _find(self, runs: Sequence[Run], source: str, keywords: tuple[str, ...]) -> tuple[Matches, list[Span]]:
        terms = self._analyser.terms(keywords)
        concepts = self._synonyms.concepts(terms) if self._synonyms else [(term,) for term in terms]
        return find(self.store, source, self._spans(runs), concepts, self._analyser)

    def _rank(self, runs: Sequence[Run], keywords: tuple[str, ...]) -> list[Span]:
        """The records that fit the keywords, best first."""
        if not runs:
            return []
        rankings = []
        if self.ranking != "dense":
            rankings.append(ranks.bm25(self.store, runs, self._terms(keywords)))
        if self.embedder is not None:
            vector = self.embedder.embed([", ".join(keywords)])[0]
            rankings.append(ranks.cosine(self.store, runs, vector))
        ranked = rankings[0] if len(rankings) == 1 else ranks.fused(rankings)
        if self.reranker is None or len(ranked) < 2:
            return ranked
        first = ranked[: self.reranker.depth]
        order = self.reranker.order(keywords, self._fetch(first))
        return [first[place] for place in order] + ranked[len(first) :]

    def _spans(self, runs: Iterable[Run]) -> list[Span]:
        return [span for run in runs for span in self.store.spans(run)]

    def _fetch(self, spans: Iterable[Span]) -> tuple[Record, ...]:
        return tuple(self.store.fetch(span.id for span in spans))

    def _terms(self, keywords: tuple[str, ...]) -> list[str]:
        terms = self._analyser.terms(keywords)
        return list(self._synonyms.widen(terms) if self._synonyms else terms)[:MAX_TERMS]


def _time(span: Span) -> tuple[float, float, int]:
    return span.end, span.start, -span.id
