"""Where the keywords of a search are: which record is the last or the first that has them, and how often they come.

A summary leaves out most of what happened. So the records that a search may see are looked into, at every level: what
lies within one of them matches if nothing there has more of the keywords, and of equals the finest level counts; of
those again the ones with the most of the keywords in one sentence, since a clip of 30 s tells of many things.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from firsthand.memory.records import COARSE_TO_FINE
from firsthand.memory.store import Span, Store
from firsthand.memory.words import Analyser

Concept = Sequence[str]  # terms that mean the same


@dataclass(frozen=True)
class Matches:
    count: int
    start: float  # of the first; without any, no time
    end: float  # of the last
    held: int  # how many of the concepts that were asked for each has
    asked: int


def find(
    store: Store, source: str, seen: Sequence[Span], concepts: Sequence[Concept], analyser: Analyser
) -> tuple[Matches, list[Span]]:
    """The matches, and the records in which one lies; `seen` are those that may be seen."""
    held, spans = _with_most(store, source, seen, concepts) if seen else (0, [])
    if held > 1:
        texts = [record.text for record in store.fetch(span.id for span in spans)]
        _, spans = _most(dict(zip(spans, analyser.in_one_sentence(texts, concepts), strict=True)))
    start, end = min((span.start for span in spans), default=0.0), max((span.end for span in spans), default=0.0)
    return Matches(len(spans), start, end, held, len(concepts)), _holders(seen, sorted(spans, key=lambda s: s.start))


def _with_most(store: Store, source: str, seen: Sequence[Span], concepts: Sequence[Concept]) -> tuple[int, list[Span]]:
    """What lies within the records that may be seen and holds the most concepts, of the finest level that does."""
    held, spans, inside = 0, list[Span](), _Within(seen)
    for level in reversed(COARSE_TO_FINE):
        if held < len(concepts):
            ids = store.ids(source, level, min(span.start for span in seen), max(span.end for span in seen))
            most, found = _most({span: count for span, count in store.coverage(*ids, concepts) if span in inside})
            held, spans = (most, found) if most > held else (held, spans)
    return held, spans


def _holders(seen: Iterable[Span], spans: Sequence[Span]) -> list[Span]:
    """The records in which one of the spans lies."""
    starts = [span.start for span in spans]
    first_ends = list(accumulate((span.end for span in reversed(spans)), min))[::-1]  # of it and all after it
    places = ((one, bisect_left(starts, one.start)) for one in seen)
    return [one for one, place in places if place < len(starts) and first_ends[place] <= one.end]


def _most(held: dict[Span, int]) -> tuple[int, list[Span]]:
    """How many concepts a record holds at most, and the records that hold so many."""
    most = max(held.values(), default=0)
    return most, [span for span, count in held.items() if count == most]


class _Within:
    """Does a span lie within one of these?"""

    def __init__(self, spans: Iterable[Span]) -> None:
        ordered = sorted((span.start, span.end) for span in spans)
        self._starts = [start for start, _ in ordered]
        self._last_ends = list(accumulate((end for _, end in ordered), max))  # of it and all before it

    def __contains__(self, span: Span) -> bool:
        place = bisect_right(self._starts, span.start)
        return place > 0 and span.end <= self._last_ends[place - 1]
