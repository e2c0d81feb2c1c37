"""Learning curves: what veRL logged, and the same metrics computed from the traces if it did not log them.

veRL's `file` logger (`trainer.logger=[console,file]`) writes one line per step, `{"step": 3, "data": {"name": 0.5}}`. A
run that was resumed may log a step again, in the same file or in the next one by name: the later value counts.
"""

from collections import defaultdict
from collections.abc import Iterable
from math import isfinite
from pathlib import Path
from statistics import fmean
from typing import Any

from firsthand.errors import UserError
from firsthand.pages.run.episode import Shown
from firsthand.pages.run.run_files import read
from firsthand.rollout.telemetry import Rollout, by_question, metrics_of

Series = dict[str, dict[float, float]]  # name -> step -> value


def read_verl_metrics(files: Iterable[Path], unread: list[str]) -> Series:
    """Every number that veRL logged; lines that cannot be read go to `unread`."""
    series: Series = defaultdict(dict)
    for file in files:
        for where, row in read(file, unread):
            if not _is_number(row.get("step")) or not isinstance(row.get("data"), dict):
                raise UserError(f"{where}: not a line of veRL's file logger: it needs step and data")
            for name, value in row["data"].items():
                if _is_number(value):
                    series[name][row["step"]] = value
    return series


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and isfinite(value)  # booleans count as 0 and 1


class Curves:
    def __init__(self, logged: Series) -> None:
        self.series = logged
        self._logged = frozenset(logged)

    def add(self, step: int, rollouts: list[Rollout]) -> None:
        """The metrics that training would log of the rollouts of a step, and their mean score."""
        metrics = metrics_of(by_question(rollouts))
        if sound := [rollout.score for rollout in rollouts if not rollout.faulty]:
            metrics.setdefault("reward/score", fmean(sound))
        for name, value in metrics.items():
            if name not in self._logged:
                self.series.setdefault(name, {})[step] = value

    def as_json(self) -> dict[str, list[list[float]]]:
        """name -> [steps, values]"""
        return {
            name: [list(column) for column in zip(*sorted(points.items()), strict=True)]
            for name, points in sorted(self.series.items())
        }


def rollout(row: Shown) -> Rollout:
    """What the metrics need, without the texts: a page must not hold the conversations in memory."""
    trace = row.trace
    if trace:
        short = {"text": "", "arguments": None, "observation": None}
        trace = trace.model_copy(update={"turns": [turn.model_copy(update=short) for turn in trace.turns]})
    parts = {name: value for name, value in row.parts.items() if value is not None}
    return Rollout(row.key, row.score or 0.0, parts, trace)
