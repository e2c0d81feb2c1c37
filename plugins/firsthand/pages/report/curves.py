"""Learning curves from what a run leaves behind: veRL's metrics file and the trace of scored samples.

veRL's `file` logger (`trainer.logger=[console,file]`) writes one line a step, `{"step": 3, "data": {"name": 0.5}}`, to
VERL_FILE_LOGGER_PATH. It opens that file anew at every start, so a resumed run needs a path of its own in a common
folder: a folder is read as all its `*.jsonl` by name, and where two files log the same step the later one stands.

A process that was killed leaves half a line; such lines are skipped and their numbers kept for the caller to report.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any

from firsthand.errors import UserError

Point = tuple[float, float]


class Curves(dict[str, list[Point]]):
    """Series by name, each a list of (step, value) in order of the steps."""

    skipped: list[str]  # what could not be read, each with file and line

    def __init__(self, series: dict[str, dict[float, float]], skipped: list[str]) -> None:
        super().__init__({name: sorted(points.items()) for name, points in sorted(series.items())})
        self.skipped = skipped


def read_verl_metrics(path: Path | str) -> Curves:
    """Every number that veRL logged, by its name."""
    series: dict[str, dict[float, float]] = defaultdict(dict)
    skipped: list[str] = []
    for where, row in _rows(Path(path), skipped):
        if not _is_number(row.get("step")) or not isinstance(row.get("data"), dict):
            raise UserError(f"{where}: not a line of veRL's file logger: it needs step and data")
        for name, value in row["data"].items():
            if _is_number(value):
                series[name][row["step"]] = value
    return Curves(series, skipped)


def read_reward_trace(path: Path | str) -> Curves:
    """The mean of every reward part over the samples of a step; samples without a step are skipped and reported."""
    samples: dict[str, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    skipped: list[str] = []
    for where, row in _rows(Path(path), skipped):
        if not _is_number(row.get("step")):
            skipped.append(f"{where}: no step")
            continue
        for name, value in row.items():
            if name != "step" and _is_number(value):
                samples[name][row["step"]].append(value)
    means = {name: {step: sum(v) / len(v) for step, v in steps.items()} for name, steps in samples.items()}
    return Curves(means, skipped)


def _rows(path: Path, skipped: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise UserError(f"{path}: no such file, or a folder without *.jsonl")
    for file in files:
        for number, line in enumerate(file.read_bytes().split(b"\n"), 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if isinstance(row, dict):
                yield f"{file}:{number}", row
            else:
                skipped.append(f"{file}:{number}: torn line")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and isfinite(value)  # booleans count as 0 and 1
