"""Scores of files of answers: ours, or the answers and submissions of a benchmark's owner."""

import importlib
from functools import partial
from pathlib import Path

from firsthand.errors import UserError
from firsthand.evals.benchmarks import Benchmark
from firsthand.evals.compare import Comparison, compare
from firsthand.evals.rows import Gold, Prediction, answers_of, groups, read_rows
from firsthand.evals.score import Score, score


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
    for number, row in enumerate(gold.values(), 1):
        if not row.letters:
            raise UserError(f"{answers}: row {number}: {row.id} is an open question; only letters are scored")
    read = official.read_predictions if official else partial(read_rows, model=Prediction)
    paths = list(dict.fromkeys(map(answers_of, [*predictions, *filter(None, [against])])))
    runs = {_name(path): read(path) for path in paths}
    if len(runs) < len(paths):
        raise UserError("two files of answers share a name; a model is called by the name of its file")
    keys, cluster = (groups(benchmark.by, gold), benchmark.cluster) if benchmark else (None, None)
    decimals = benchmark.decimals if benchmark else 1
    scores = [score(name, rows, gold, by or keys, cluster, decimals=decimals) for name, rows in runs.items()]
    base = _name(answers_of(against)) if against else None
    others = [name for name in runs if base and name != base]
    first = (base or "", runs.get(base or "", {}))
    return scores, [compare(first, (name, runs[name]), gold, seed=seed, cluster=cluster) for name in others]


def _name(path: Path) -> str:
    return path.parent.name if path.name == "answers.jsonl" else path.stem
