"""What the judges of a run say together: a score for each judge and mark, and how far two judges agree."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

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
    """The verdicts in a run's folder: those by the benchmark's protocol first, and the judge with most of them."""

    def __init__(self, folder: Path, metric: Judged) -> None:
        logs = filter(None, (list(read(path, VerdictRow).values()) for path in files_of(folder)))
        own = metric.protocol.name
        self.logs = sorted(logs, key=lambda rows: (rows[0].settings.protocol != own, -len(rows)))

    def metrics_of(
        self, column: str, answers: Answers, golds: Mapping[str, Gold]
    ) -> Iterator[tuple[_Mark, dict[str, Prediction], dict[str, Gold]]]:
        """Each mark of each judge, with the answers and questions that it is about. A question that was never answered
        is wrong, as everywhere; one whose answer has no verdict is left out."""
        for rows in self.logs:
            said = {row.question: row.verdict for row in rows if row.column == column}
            missing = set() if rows[0].settings.sample else golds.keys() - answers.keys()
            asked = {id: gold for id, gold in golds.items() if id in said or id in missing}
            judged = {id: row.model_copy(update={"verdict": said[id]}) for id, row in answers.items() if id in said}
            for mark in rows[0].verdict if said else ():
                yield _Mark(f"{mark} by {rows[0].settings.model}", mark), judged, asked

    def facts(self, columns: Mapping[str, Answers], golds: Mapping[str, Gold]) -> list[JudgeFacts]:
        answered = sum(len(answers.keys() & golds.keys()) for answers in columns.values())
        return [
            JudgeFacts(
                judge=rows[0].settings.model,
                protocol=rows[0].settings.protocol,
                judged=len(rows),
                by_rule=sum(row.by == "rule" for row in rows),
                without=0 if rows[0].settings.sample else answered - len(rows),
                agreement=_agreement(self.logs[0], rows) if rows is not self.logs[0] else None,
            )
            for rows in self.logs
        ]


def _agreement(first: Sequence[VerdictRow], second: Sequence[VerdictRow]) -> Agreement | None:
    """By the mark that counts; of two protocols there is none."""
    known, told = ({row.id: next(iter(row.verdict.items())) for row in rows} for rows in (first, second))
    pairs = [(known[id][1], value) for id, (mark, value) in told.items() if id in known and known[id][0] == mark]
    if not (n := len(pairs)):
        return None
    same = sum(a == b for a, b in pairs) / n
    left, right = (Counter(column) for column in zip(*pairs, strict=True))
    chance = sum(left[mark] * right[mark] for mark in left) / n**2
    return Agreement(n=n, same=same, kappa=(same - chance) / (1 - chance) if chance < 1 else None)
