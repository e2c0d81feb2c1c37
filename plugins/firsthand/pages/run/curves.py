"""Learning curves: what veRL logged, and the same metrics worked out of the traces where it did not log them."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean

from firsthand.pages.report.curves import read_verl_metrics
from firsthand.pages.run.episode import Shown
from firsthand.training.telemetry import Rollout, metrics_of


class Curves:
    """Series by name; of a step that is there twice the later value stands."""

    def __init__(self) -> None:
        self.series: dict[str, dict[float, float]] = defaultdict(dict)
        self._logged: frozenset[str] = frozenset()

    def read(self, metrics: Iterable[Path], unread: list[str]) -> None:
        for path in metrics:
            logged = read_verl_metrics(path)
            unread.extend(logged.skipped)
            for name, points in logged.items():
                self.series[name].update(points)
        self._logged = frozenset(self.series)

    def add(self, steps: dict[int, list[Rollout]]) -> None:
        """The rollouts of some steps: telemetry's own metrics of them, and their mean score."""
        for step, rollouts in steps.items():
            groups: dict[str, list[Rollout]] = defaultdict(list)
            for rollout in rollouts:
                groups[rollout.facts["group"]].append(rollout)
            metrics = metrics_of(list(groups.values()))
            if sound := [rollout.score for rollout in rollouts if not rollout.faulty]:
                metrics.setdefault("reward/score", fmean(sound))
            for name, value in metrics.items():
                if name not in self._logged:
                    self.series[name][step] = value

    def as_json(self) -> dict[str, list[list[float]]]:
        """name -> [steps, values]"""
        return {
            name: [list(column) for column in zip(*sorted(points.items()), strict=True)]
            for name, points in sorted(self.series.items())
        }


def rollout(row: Shown) -> Rollout:
    """What telemetry needs, without the texts: a page must not hold the conversations in memory."""
    trace = row.trace
    if trace:
        short = {"text": "", "arguments": None, "observation": None}
        trace = trace.model_copy(update={"turns": [turn.model_copy(update=short) for turn in trace.turns]})
    parts = {name: value for name, value in row.parts.items() if value is not None}
    return Rollout(row.key, row.score or 0.0, parts, trace, {"group": row.group})
