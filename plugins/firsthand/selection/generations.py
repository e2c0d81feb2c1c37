"""What the model said, kept for ever: one line a request, under row, condition, first seed and all that shaped it.

Other thresholds, masks, regions or models find what fits them, and ask for the rest only. A line is written as soon as
its answers arrive, so a killed run has lost none of them. What a reward made of a line is another line: a judge is paid
once, and another reward reads the same answers.
"""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from firsthand.llm.row_log import RowLog

Line = dict[str, Any]
Score = Any  # of one answer: accuracy and form, as a pair or as JSON has it


class Generations:
    """A log to append to, and all that is known from it and from its neighbours. Use it as a context manager."""

    def __init__(self, path: Path, known: Iterable[Line] = ()) -> None:
        self.log = RowLog(path)
        self.answers: dict[tuple[str, str], dict[int, Line]] = defaultdict(dict)  # row and digest -> first seed -> line
        self.scores: dict[tuple[str, str], list[Score]] = {}  # line and reward
        self.learn(self.log.rows.values())
        self.learn(known)

    def learn(self, lines: Iterable[Line]) -> None:
        for line in lines:
            if "scores" in line:
                self.scores[line["of"], line["reward"]] = line["scores"]
            else:
                self.answers[line["row"], line["digest"]].setdefault(line["first"], line)

    def holding(self, row: str, digest: str, place: int) -> Line | None:
        """The line with the sample at this place."""
        lines = self.answers.get((row, digest), {}).values()
        return next((line for line in lines if line["first"] <= place < line["first"] + len(line["outputs"])), None)

    def add(self, line: Line) -> None:
        self.log.append(line)
        self.learn([line])

    def add_scores(self, line: Line, reward: str, scores: list[Score]) -> None:
        facts = {"messages_sha256": line["messages_sha256"], "settings": line["settings"], "row": line["row"]}
        self.add({"id": f"{line['id']}/{reward[:16]}", **facts, "of": line["id"], "reward": reward, "scores": scores})

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
