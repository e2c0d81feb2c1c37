"""What a search of the memory finds of the toy week, by kind of question and by way of searching.

Questions are those of the week that only memory answers, and the same about the first time; n and 95 % intervals of
Wilson. `ordered` is lexical with the order that the question asks for (latest or earliest).

The toy week's captions are whole sentences about one thing each. Counts and orders are easier there than in life.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from firsthand import clock
from firsthand.evals.score import wilson
from firsthand.files import read_json
from firsthand.memory.dense import add_vectors, open_embedder
from firsthand.memory.ego_r1_files import Problems, find, read
from firsthand.memory.search import Order, Searcher
from firsthand.memory.store import Store

VERBS = {"TaskMaster": "put down", "RelationMap": "hand over"}  # type of question -> what is asked of a thing
Place = int | None


@dataclass(frozen=True)
class Question:
    """Of a toy week, as an agent searches for it: by the verb and the thing that it asks about."""

    kind: str
    source: str
    words: tuple[str, ...]
    query: float
    moments: tuple[float, ...]  # of the answer; one of them is enough
    order: Order
    times: int  # how often it had happened

    def place(self, searcher: Searcher, order: Order | None, level: str = "week", start: float | None = None) -> Place:
        """Where among the records found the first is that holds a moment of the answer."""
        found = searcher.search(level, self.words, start, self.query, self.source, order)
        hits = (i for i, one in enumerate(found.records) if any(one.start <= at < one.end for at in self.moments))
        return next(hits, None)

    def steps(self, searcher: Searcher) -> dict[str, Place]:
        """With the day or the hour of the answer given, and level by level from the first record of the one before."""
        hours = searcher.store.records(self.source, "1hour")
        hour = next(one.start for one in hours if one.start <= self.moments[-1] < one.end)
        start, in_turn = None, None
        for level in ("week", "day", "hour"):
            in_turn = self.place(searcher, None, level, start)
            start = searcher.search(level, self.words, start, self.query, self.source).records[0].start
        return {
            "day of the answer": self.place(searcher, None, "day", self.moments[-1]),
            "hour of the answer": self.place(searcher, None, "hour", hour),
            "week, day, hour in turn": in_turn,
        }


def questions(store: Store, row: dict) -> Iterator[Question]:
    """A question about the last time is also asked about the first, whose answer the captions tell."""
    verb, source, query = VERBS.get(row["type"], ""), row["identity"], clock.query_time(row["query_time"])
    words = (*verb.split(), *row["keywords"].split())
    moments = tuple(start for start, _ in clock.target_spans(row["target_time"]))
    said = f"i {verb} the {row['keywords']} " if verb else f"i {row['keywords']} the "
    clips = [one.start for one in store.records(source, "30s", end=query) if said in one.text]
    kind = f"last, {verb or 'used'}" if row["last_time"] else "most often on a day"
    yield Question(kind, source, words, query, moments, "latest", len(clips))
    if row["last_time"]:
        yield Question(kind.replace("last", "first"), source, words, query, (clips[0],), "earliest", len(clips))


def measure(week: Path, folder: Path, embed_model: str | None, embed_server: str | None) -> None:
    """Does a search by the words of a question find the moment that answers it? With 95 % intervals of Wilson."""
    problems = Problems()
    store = Store.build(folder / "toy.sqlite", read(find(week / "memory", problems), problems))
    rows = [row for path in sorted((week / "qa").glob("*.json")) for row in read_json(path)]
    asked = [one for row in rows if row["answerable_from"] == "memory" for one in questions(store, row)]
    ways = {"lexical": Searcher(store), "ordered": Searcher(store)}
    if embed_model:
        embedder = open_embedder(embed_model, embed_server)
        store = add_vectors(store.path, embedder)
        ways |= {ranking: Searcher(store, ranking, embedder=embedder) for ranking in ("dense", "hybrid")}  # type: ignore[arg-type]
    print(
        f"toy week, level week: {len(asked)} questions whose answer lies in the memory; {embed_model or 'no vectors'}"
    )
    for name, searcher in ways.items():
        places: dict[str, list[Place]] = defaultdict(list)
        for one in asked:
            found = one.place(searcher, one.order if name == "ordered" else None)
            for kind in (one.kind, "all"):
                places[kind].append(found)
        _recalls(name, places)
    once = [one for one in asked if not one.kind.startswith("first")]
    counted = [ways["ordered"].search("week", one.words, None, one.query, one.source, "latest") for one in once]
    right = sum(found.matches.count == one.times for found, one in zip(counted, once, strict=True) if found.matches)
    print(f"  matches counted right: {_share(right, len(once))}")
    steps = [one.steps(ways["lexical"]) for one in once]
    _recalls("lexical", {step: [one[step] for one in steps] for step in steps[0]})


def _recalls(name: str, places: dict[str, list[Place]]) -> None:
    for kind, found in sorted(places.items()):
        hits = [sum(place is not None and place < k for place in found) for k in (1, 5)]
        print(f"  {name:8} {kind:24} recall@1 {_share(hits[0], len(found))}  recall@5 {_share(hits[1], len(found))}")


def _share(hits: int, n: int) -> str:
    low, high = wilson(hits, n)
    return f"{hits / n:.3f} [{low:.3f}, {high:.3f}] (n={n})"
