"""Text to index terms, by the tokenizer and the Porter stemmer of sqlite's FTS5.

The same two tables split records when a store is built and keywords when it is searched, so "boxes" finds "box". They
hold text only: keywords are never read as an FTS5 query, so nobody can inject its syntax.
"""

import re
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from firsthand.errors import UserError
from firsthand.files import storable

MOST_KNOWN = 8192  # keywords whose terms are kept
MAX_CHARACTERS, MAX_TERMS = 500, 64  # of a keyword, of a search: they come from a model, and may be anything

_SENTENCE_END = re.compile(r"[.!?]\s|[。！？\n]")

_TABLES = """
CREATE VIRTUAL TABLE temp.texts USING fts5(text, tokenize = "porter unicode61 remove_diacritics 2", content = '');
CREATE VIRTUAL TABLE temp.occurrences USING fts5vocab('temp', 'texts', 'instance');
"""


def open_tables(db: sqlite3.Connection) -> None:
    """`temp.texts` to insert into, and `temp.occurrences` (term, doc, offset) of what is in it."""
    db.executescript(_TABLES)


def clear_tables(db: sqlite3.Connection) -> None:
    db.execute("INSERT INTO texts(texts) VALUES ('delete-all')")


class Analyser:
    """The terms of keywords, safe for many threads."""

    def __init__(self) -> None:
        self._db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        open_tables(self._db)
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, ...]] = {}  # terms of keywords; agents use the same ones again and again

    def terms(self, keywords: Sequence[str]) -> tuple[str, ...]:
        """Distinct terms in order of appearance."""
        with self._lock:
            if new := [keyword for keyword in keywords if keyword not in self._known]:
                if len(self._known) > MOST_KNOWN:
                    self._known, new = {}, list(keywords)
                self._learn(new)
            return tuple(dict.fromkeys(term for keyword in keywords for term in self._known[keyword]))[:MAX_TERMS]

    def _learn(self, keywords: Sequence[str]) -> None:
        rows = list(enumerate(map(storable, keywords)))
        self._db.executemany("INSERT INTO texts(rowid, text) VALUES (?, ?)", rows)
        found: list[list[str]] = [[] for _ in rows]
        for row, term in self._db.execute("SELECT doc, term FROM occurrences ORDER BY offset"):
            found[row].append(term)
        clear_tables(self._db)
        self._known.update(zip(keywords, map(tuple, found), strict=True))

    def in_one_sentence(self, texts: Sequence[str], concepts: Sequence[Sequence[str]]) -> list[int]:
        """For each text, of how many concepts a sentence of it has a term; the most of its sentences."""
        sentences = [(one, number) for number, text in enumerate(texts) for one in _SENTENCE_END.split(text)]
        held: dict[int, set[int]] = defaultdict(set)
        with self._lock:
            self._db.executemany("INSERT INTO texts(rowid, text) VALUES (?, ?)", enumerate(one for one, _ in sentences))
            for number, terms in enumerate(concepts):
                for term in terms:
                    for (sentence,) in self._db.execute("SELECT doc FROM occurrences WHERE term = ?", (term,)):
                        held[sentence].add(number)
            clear_tables(self._db)
        most = [0] * len(texts)
        for sentence, found in held.items():
            most[sentences[sentence][1]] = max(most[sentences[sentence][1]], len(found))
        return most


class Synonyms:
    """Words that mean the same to a searcher: a text file with a line for each group, `cell phone, mobile, phone`."""

    def __init__(self, path: Path | str, analyser: Analyser) -> None:
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: cannot be read as synonyms ({error})") from None
        self._groups = [[analyser.terms((name,)) for name in line.split(",") if name.strip()] for line in lines]

    def widen(self, terms: Sequence[str]) -> Sequence[str]:
        """The terms, and those of every group that has a member whose terms are all among them."""
        return list(dict.fromkeys([*terms, *(term for group in self._meant_by(terms) for term in group)]))

    def concepts(self, terms: Sequence[str]) -> list[Sequence[str]]:
        """The terms, those that mean the same together."""
        groups = self._meant_by(terms)
        return [*groups, *((term,) for term in terms if not any(term in group for group in groups))]

    def _meant_by(self, terms: Sequence[str]) -> list[Sequence[str]]:
        held = set(terms)
        groups = (group for group in self._groups if any(held.issuperset(name) for name in group))
        return [[term for name in group for term in name] for group in groups]
