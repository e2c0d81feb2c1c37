"""How fast a memory is built and searched, at one week of one person, of six, and at a million records; and what it
finds of the toy week (memory_recall.py).

The records are made here: a person's week has 5,040 captions of 60 words, 252 pieces of ten minutes of 200 words, 42
hours of 350 and 7 days of 1,000, of a vocabulary of 20,000 words with the frequencies of language. Searches are as
agents make them: a random level, source, start and query time, one to four words. Compare the ratios: all numbers are
of one run on one machine. `cpu` is the processor time of the searching thread, which other programs disturb less.

Example: python bench/memory.py --records 5300 32000
"""

import argparse
import importlib.util
import multiprocessing
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from multiprocessing.synchronize import Barrier
from pathlib import Path

import memory_recall
import numpy as np

from firsthand import clock
from firsthand.memory.ranking import bm25
from firsthand.memory.records import Record
from firsthand.memory.search import Order, Searcher
from firsthand.memory.store import Store

WORDS, LENGTHS = 20_000, {"30s": 60, "10min": 200, "1hour": 350, "1day": 1000}
HOURS = 6  # recorded of each day, from 10:00
WEEK = 7 * (1 + HOURS * (1 + 6 + 120))  # records
TOY = Path(__file__).parents[1] / "datasets/toy"

vocabulary = [f"{'bcdfghklmnprstvw'[i % 16]}{'aeiou'[i // 16 % 5]}{i // 80:x}q" for i in range(WORDS)]
shares = np.cumsum(1 / np.arange(3, WORDS + 3))
asked_weights = list(accumulate(1 / (rank + 3) for rank in range(50, WORDS // 2)))


def week(person: int) -> Iterator[Record]:
    draw = np.random.default_rng(person)
    for day in range(1, 8):
        for hour in range(HOURS):
            start = clock.plus(clock.midnight(day), (10 + hour) * clock.HOUR)
            for level in ("1hour", "10min", "30s"):
                seconds = clock.LEVELS[level]
                for i in range(clock.HOUR // seconds):
                    yield _record(draw, person, level, clock.plus(start, i * seconds), seconds)
        yield _record(draw, person, "1day", clock.plus(clock.midnight(day), 10 * clock.HOUR), HOURS * clock.HOUR)


def _record(draw: np.random.Generator, person: int, level: str, start: float, seconds: float) -> Record:
    ranks = np.searchsorted(shares, draw.random(LENGTHS[level]) * shares[-1])
    text = " ".join([vocabulary[rank] for rank in ranks.tolist()])
    clips = int(seconds // clock.CLIP)
    return Record(
        f"P{person}",
        level,
        start,
        clock.plus(start, seconds),
        text,
        tuple(clock.stamp(clock.plus(start, i * clock.CLIP)) for i in range(clips)),
    )


class Query:
    """An agent's search; its words are neither the fifty most frequent nor the rarest half."""

    def __init__(self, draw: random.Random, people: int) -> None:
        self.level = draw.choice(["week", "day", "hour"])
        self.keywords = tuple(
            draw.choices(vocabulary[50 : WORDS // 2], cum_weights=asked_weights, k=draw.randint(1, 4))
        )
        self.query = clock.plus(clock.midnight(draw.randint(1, 7)), draw.uniform(10.1, 16) * clock.HOUR)
        self.start = max(self.query - draw.uniform(0, 3) * clock.DAY, clock.parse("DAY1_10000000"))
        self.source = f"P{draw.randrange(people)}"

    def search(self, searcher: Searcher, order: Order | None = None) -> object:
        return searcher.search(self.level, self.keywords, self.start, self.query, self.source, order)

    def all_captions(self, searcher: Searcher) -> object:
        """Every caption before the query time, ranked: the widest window there is."""
        run = searcher.store.run(self.source, "30s", 0.0, self.query)
        return bm25(searcher.store, [run] if run else [], self.keywords)[:5]

    def scan(self, db: sqlite3.Connection) -> object:
        """No index: every record is read."""
        hits = " + ".join("(instr(text, ?) > 0)" for _ in self.keywords)
        return db.execute(
            f"SELECT id, {hits} AS hits FROM records NOT INDEXED"
            " WHERE source = ? AND level = '30s' AND end <= ? AND hits ORDER BY hits DESC LIMIT 5",
            (*self.keywords, self.source, self.query),
        ).fetchall()

    def fts5(self, db: sqlite3.Connection, ranges: dict[str, tuple[int, int]]) -> object:
        """FTS5's own rank, among the source's captions."""
        return db.execute(
            "SELECT rowid FROM ranked WHERE ranked MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rank LIMIT 5",
            (" OR ".join(self.keywords), *ranges[self.source]),
        ).fetchall()


def timed(name: str, searches: list[Callable[[], object]]) -> None:
    wall, cpu = [], []
    for search in searches:
        start, start_cpu = time.perf_counter(), time.thread_time()
        search()
        wall.append((time.perf_counter() - start) * 1e3)
        cpu.append((time.thread_time() - start_cpu) * 1e3)
    wall.sort(), cpu.sort()
    p50, p99 = len(wall) // 2, min(len(wall) * 99 // 100, len(wall) - 1)
    print(
        f"  {name:42} p50 {wall[p50]:9.3f} ms  p99 {wall[p99]:9.3f} ms"
        f"   cpu p50 {cpu[p50]:9.3f} ms  p99 {cpu[p99]:9.3f} ms   n={len(wall)}",
        flush=True,
    )


def bench(records: int, folder: Path) -> None:
    people = max(round(records / WEEK), 1)
    start, start_cpu = time.perf_counter(), time.process_time()
    store = Store.build(folder / "memory.sqlite", (record for person in range(people) for record in week(person)))
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    start_cpu = time.process_time()
    for person in range(min(people, 6)):
        for _ in week(person):
            pass
    making = (time.process_time() - start_cpu) * people / min(people, 6)
    size = store.path.stat().st_size / 1e6
    print(
        f"{store.count} records of {people} people: built in {seconds:.1f} s (cpu {cpu:.1f} s, of which {making:.1f} s"
    )
    print(f"  made the texts), {size:.0f} MB")
    draw = random.Random(0)
    queries = [Query(draw, people) for _ in range(2000)]
    searcher = Searcher(store)
    searcher.search("week", ["warm"], None, None, "P0")
    for level in ("week", "day", "hour"):
        timed(level, [lambda q=q: q.search(searcher) for q in queries if q.level == level])
    again = Searcher(store)
    timed("any level", [lambda q=q: q.search(again) for q in queries])
    timed("any level, asked before", [lambda q=q: q.search(again) for q in queries])
    timed("any level, latest first and counted", [lambda q=q: q.search(again, "latest") for q in queries])
    timed("all captions of a person so far", [lambda q=q: q.all_captions(searcher) for q in queries[:300]])
    few = queries[: 100 if records < 100_000 else 10]
    db = sqlite3.connect(store.path)
    timed("  the same by a plain scan in sqlite", [lambda q=q: q.scan(db) for q in few])
    ranges = fts5_index(db)
    timed("  the same by FTS5's own rank", [lambda q=q: q.fts5(db, ranges) for q in few])
    bm25s(db, few)
    db.close()
    throughput(store.path, people)


def fts5_index(db: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    """An ordinary FTS5 table of the captions, with the ids of each source."""
    db.execute("CREATE VIRTUAL TABLE temp.ranked USING fts5(text, content = '', tokenize = 'porter')")
    db.execute("INSERT INTO ranked(rowid, text) SELECT id, text FROM records WHERE level = '30s'")
    rows = db.execute("SELECT source, min(id), max(id) FROM records WHERE level = '30s' GROUP BY source")
    return {source: (first, last) for source, first, last in rows}


def bm25s(db: sqlite3.Connection, queries: list[Query]) -> None:
    if importlib.util.find_spec("bm25s") is None:
        print("  the same by bm25s: not measured, the package is not installed")
        return
    import bm25s

    index = bm25s.BM25()
    texts = [text for (text,) in db.execute("SELECT text FROM records WHERE level = '30s' ORDER BY id")]
    index.index(bm25s.tokenize(texts, show_progress=False), show_progress=False)

    def search(query: Query) -> object:
        words = bm25s.tokenize(" ".join(query.keywords), show_progress=False)
        return index.retrieve(words, k=5, show_progress=False)

    timed("  by bm25s, of everybody and all time", [lambda q=q: search(q) for q in queries])


def throughput(path: Path, people: int, processes: int = 8, each: int = 3000) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes)
    with context.Pool(processes, initializer=share, initargs=(barrier,)) as pool:
        times = pool.starmap(ask_many, [(path, people, seed, each) for seed in range(processes)], chunksize=1)
    seconds = max(end for _, end in times) - min(start for start, _ in times)
    cores = multiprocessing.cpu_count()
    print(f"  {processes} processes on {cores} cores: {processes * each / seconds:.0f} searches/s", flush=True)


def share(barrier: Barrier) -> None:
    global together
    together = barrier


def ask_many(path: Path, people: int, seed: int, count: int) -> tuple[float, float]:
    searcher, draw = Searcher(Store(path)), random.Random(seed)
    queries = [Query(draw, people) for _ in range(count)]
    queries.pop().search(searcher)
    together.wait()
    start = time.monotonic()
    for query in queries:
        query.search(searcher)
    return start, time.monotonic()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, nargs="*", default=[5300, 32_000, 1_000_000])
    parser.add_argument("--toy", type=Path, default=TOY, help="folder of `firsthand toy build`")
    parser.add_argument("--embed-model", help="also measure dense and hybrid search on the toy week: wordllama")
    parser.add_argument("--embed-server", help="OpenAI-compatible server of that model")
    arguments = parser.parse_args()
    for records in arguments.records:
        with tempfile.TemporaryDirectory() as folder:
            bench(records, Path(folder))
    if not (arguments.toy / "memory").is_dir():
        print("toy week: not built; see `firsthand toy build --help`")
        return
    with tempfile.TemporaryDirectory() as folder:
        memory_recall.measure(arguments.toy, Path(folder), arguments.embed_model, arguments.embed_server)


if __name__ == "__main__":
    main()
