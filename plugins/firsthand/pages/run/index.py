"""What the page knows of every trajectory from the start: columns of numbers, and words as numbers into lists of names.

It has to stay small, since it is read before anything is shown: about forty bytes per trajectory and eight per turn.
"""

from collections import defaultdict
from typing import Any

from firsthand.pages.run.episode import Shown


class Names(dict[Any, int]):
    """Numbers for words, in the order of their first use."""

    def __missing__(self, word: Any) -> int:
        self[word] = number = len(self)
        return number


class Index:
    def __init__(self) -> None:
        self.columns: dict[str, list[Any]] = defaultdict(list)
        self.names: dict[str, Names] = defaultdict(Names)
        self.turns: list[int] = []  # action, tool and status as one number, all trajectories one after the other
        self.waits: list[float] = []  # milliseconds of their calls
        self.scores: dict[int, set[float | None]] = defaultdict(set)  # group -> its different scores

    def __len__(self) -> int:
        return len(self.columns["step"])

    def add(self, source: str, row: Shown) -> None:
        words = {
            "source": source,
            "stop": row.trace.stop if row.trace else None,
            "label": row.label,
            "person": row.identity,
            "asked": (row.id, row.question),
        }
        group = self.names["group"][source, row.step, row.group]
        self.scores[group].add(row.right if row.score is None else row.score)
        values = {
            "step": row.step,
            "score": None if row.score is None else round(row.score, 4),
            "right": None if row.right is None else int(row.right),
            "turns": len(row.turns),
            "tokens": sum(turn.tokens for turn in row.turns),
            "seconds": round(row.trace.seconds, 2) if row.trace else None,
            "faults": row.trace.faults if row.trace else 0,
            "group": group,
            **{column: self.names[column][word] for column, word in words.items()},
        }
        for column, value in values.items():
            self.columns[column].append(value)
        for turn in row.turns:
            self.turns.append(self.names["turn"][turn.action, turn.tool, turn.status])
            self.waits.append(round(1000 * turn.tool_seconds, 1))

    def as_json(self) -> dict[str, Any]:
        """A group is flat when its scores are all the same, or all are right or wrong; a single one is not a group."""
        groups = self.columns["group"]
        sizes = [0] * len(self.scores)
        for group in groups:
            sizes[group] += 1
        names = {column: list(words) for column, words in self.names.items() if column != "group"}
        return {
            "count": len(self),
            "columns": self.columns,
            "names": names,
            "turns": self.turns,
            "waits": self.waits,
            "flat": [int(len(self.scores[group]) == 1) if sizes[group] > 1 else None for group in range(len(sizes))],
        }
