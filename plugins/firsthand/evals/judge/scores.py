"""What the judges of a run say together: a score for each judge and mark, and how far two judges agree."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from firsthand.evals.judge.protocols import Judged
from firsthand.evals.judge.verdicts import JudgeSettings, files_of
from firsthand.evals.rows import Gold, Prediction
from firsthand.evals.run_folder import read

Answers = Mapping[str, Prediction]


class Agreement(BaseModel):
    """Two judges on the answers that both judged, by the mark that counts."""

    n: int
    same: float  # share
    kappa: float | None  # Cohen's: 0 is what chance gives; None where all marks are equal


class JudgeFacts(BaseModel):
    judge: str
    protocol: str
    judged: int  # answers with a verdict, of all columns
    by_rule: int  # of these, without a question to the judge
    without: int  # answers without a verdict, since the judge failed: they are in no score of this judge
    agreement: Agreement | None = None  # with the first judge, which judged most


class VerdictRow(BaseModel):
    id: str
    column: str
    question: str
    by: str
    verdict: dict[str, float]
    settings: JudgeSettings


@dataclass
class _Mark:
    """A metric: one mark of one judge."""

    name: str
    key: str
    needs_letters: bool = field(default=False)

    def value(self, answer: Prediction, gold: Gold) -> float | None:
        return answer.verdict[self.key] if answer.text and answer.verdict else None


class Judges:
    """The verdicts in a run's folder, the judge with most of them first."""

    def __init__(self, folder: Path, metric: Judged) -> None:
        self.marks = metric.protocol.marks
        logs = [list(read(path, VerdictRow).values()) for path in files_of(folder)]
        self.rows = {rows[0].settings.model: rows for rows in sorted(logs, key=len, reverse=True) if rows}

    def metrics_of(
        self, column: str, answers: Answers, golds: Mapping[str, Gold]
    ) -> Iterator[tuple[_Mark, dict[str, Prediction], dict[str, Gold]]]:
        """Each mark of each judge, with the answers and questions that it is about. A question that was never answered
        is wrong, as everywhere; one whose answer has no verdict is left out."""
        for judge, rows in self.rows.items():
            said = {row.question: row.verdict for row in rows if row.column == column}
            missing = set() if rows[0].settings.sample else golds.keys() - answers.keys()
            asked = {id: gold for id, gold in golds.items() if id in said or id in missing}
            judged = {id: row.model_copy(update={"verdict": said[id]}) for id, row in answers.items() if id in said}
            for mark in self.marks if said else ():
                yield _Mark(f"{mark} by {judge}", mark), judged, asked

    def facts(self, columns: Mapping[str, Answers], golds: Mapping[str, Gold]) -> list[JudgeFacts]:
        marks = {judge: {row.id: row.verdict[self.marks[0]] for row in rows} for judge, rows in self.rows.items()}
        answered = sum(len(answers.keys() & golds.keys()) for answers in columns.values())
        first = next(iter(marks.values()), {})
        return [
            JudgeFacts(
                judge=judge,
                protocol=rows[0].settings.protocol,
                judged=len(rows),
                by_rule=sum(row.by == "rule" for row in rows),
                without=0 if rows[0].settings.sample else answered - len(rows),
                agreement=_agreement([(first[id], mark) for id, mark in marks[judge].items() if id in first])
                if number
                else None,
            )
            for number, (judge, rows) in enumerate(self.rows.items())
        ]


def _agreement(pairs: Sequence[tuple[Any, Any]]) -> Agreement | None:
    if not (n := len(pairs)):
        return None
    same = sum(a == b for a, b in pairs) / n
    left, right = (Counter(column) for column in zip(*pairs, strict=True))
    chance = sum(left[mark] * right[mark] for mark in left) / n**2
    return Agreement(n=n, same=same, kappa=(same - chance) / (1 - chance) if chance < 1 else None)
