"""Scores of files of answers, whoever wrote them: ours, or a benchmark owner's answers and submissions."""

import importlib
from pathlib import Path

from firsthand.errors import UserError
from firsthand.evals.benchmarks import Benchmark
from firsthand.evals.rows import NO_GROUP, Gold, Prediction, answers_of, read_rows
from firsthand.evals.score import Comparison, Score, compare, score


def scores_of_files(
    benchmark: Benchmark | None,
    predictions: list[Path],
    answers: Path,
    questions: Path | None,
    against: Path | None,
    by: str | None,
    seed: int,
) -> tuple[list[Score], list[Comparison]]:
    official = importlib.import_module(benchmark.owner_files) if benchmark and benchmark.owner_files else None
    if benchmark and not official:
        raise UserError(f"{benchmark.name} has no answers of its owner to score by; leave its name out")
    gold = official.read_answers(answers, questions) if official else read_rows(answers, Gold)
    groups = (
        [key for key in benchmark.by if any(row.group(key) != NO_GROUP for row in gold.values())] if benchmark else []
    )
    given = [answers_of(path) for path in predictions]
    base = answers_of(against) if against else None
    names = {path: _name(path) for path in dict.fromkeys([*given, *([base] if base else [])])}
    if len(set(names.values())) < len(names):
        raise UserError("two files of answers share a name; a model is called by the name of its file")
    runs = {path: official.read_predictions(path) if official else read_rows(path, Prediction) for path in names}
    cluster = benchmark.cluster if benchmark else None
    scores = [score(names[path], rows, gold, by or groups or None, cluster) for path, rows in runs.items()]
    pairs = [path for path in given if base and path != base]
    comparisons = [
        compare((names[base], runs[base]), (names[path], runs[path]), gold, seed=seed) for path in pairs if base
    ]
    return scores, comparisons


def _name(path: Path) -> str:
    return path.parent.name if path.name == "answers.jsonl" else path.stem
