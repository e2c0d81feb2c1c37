"""What the reports of both demos say of a run: how its models compare, and how the reward of its training rose."""

import statistics
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firsthand import files
from firsthand.errors import UserError
from firsthand.evals.compare import compare
from firsthand.evals.rows import Gold, Prediction
from firsthand.evals.score import Score
from firsthand.evals.tables import print_scores

Pairs = list[tuple[str, str]]


def compared(
    table: list[Score], answers: dict[str, dict[str, Prediction]], pairs: Pairs, gold: dict[str, Gold]
) -> dict[str, Any]:
    """The table of scores and which differences between two models are more than chance; printed as well."""
    comparisons = [compare((a, answers[a]), (b, answers[b]), gold) for a, b in pairs]
    print_scores(table, comparisons)
    return {
        "table": [item.model_dump() for item in table],
        "comparisons": [item.model_dump() for item in comparisons],
    }


def means(
    folder: Path, parts_of: Callable[[dict[str, Any]], dict[str, float]], missing: str
) -> dict[str, list[tuple[int, float]]]:
    """The mean of every part at each step, from a folder with one file a step."""
    series: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for path in sorted(folder.glob("*.jsonl"), key=lambda path: int(path.stem)):
        parts = [parts_of(row) for row in files.read_jsonl(path)]
        for name in parts[0]:
            series[name].append((int(path.stem), statistics.fmean(part[name] for part in parts)))
    if not series:
        raise UserError(f"{folder}: {missing}")
    return dict(series)


def validations(training: Path) -> dict[int, list[dict[str, Any]]]:
    """By update: the rollouts of the held-out questions."""
    found = {int(path.stem): [*files.read_jsonl(path)] for path in sorted((training / "validation").glob("*.jsonl"))}
    if not found:
        raise UserError(f"{training}/validation: no rollouts; did GRPO run with trainer.test_freq?")
    return found
