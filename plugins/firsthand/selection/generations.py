"""What the model said, kept for ever: one line a request, under row, condition, first seed and all that shaped it.

Other thresholds, masks, regions or models find what fits them, and ask for the rest only. A killed run has lost no
answer that had arrived. Scores are kept beside the answers; another reward reads the answers again.
"""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from firsthand.llm.row_log import RowLog

Line = dict[str, Any]
Key = tuple[str, str]  # row, and the digest of condition, prompt, model and sampling


class Generations:
    """A log to append to, and all that is known from it and from its neighbours. Use it as a context manager."""

    def __init__(self, path: Path, known: Iterable[Line] = ()) -> None:
        self.log = RowLog(path)
        self.known: dict[Key, list[Line]] = defaultdict(list)
        self.learn(self.log.rows.values())
        self.learn(known)

    def learn(self, lines: Iterable[Line]) -> None:
        for line in lines:
            if line not in (held := self.known[line["row"], line["digest"]]):
                held.append(line)

    def of(self, row: str, digest: str) -> list[Line]:
        """In the order of their seeds, without a gap."""
        lines, found = sorted(self.known.get((row, digest), ()), key=lambda line: line["first"]), list[Line]()
        for line in lines:
            if line["first"] == sum(len(one["outputs"]) for one in found):
                found.append(line)
        return found

    def add(self, line: Line) -> None:
        self.log.append(line)
        self.known[line["row"], line["digest"]].append(line)

    def __enter__(self) -> "Generations":
        return self

    def __exit__(self, *_: object) -> None:
        self.log.__exit__()


def read_all(folder: Path, but: str = "") -> list[Line]:
    """The lines of every log of a folder, in the order of their names; opening mends a torn one."""
    lines: list[Line] = []
    for path in sorted(folder.glob("*.jsonl")):
        if path.name != but:
            with RowLog(path) as log:
                lines += log.rows.values()
    return lines
