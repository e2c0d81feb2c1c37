"""Runs of several benchmarks, each against the first one of its benchmark: which differences are real.

One comparison in twenty looks real by luck alone. So the p-values of all comparisons are corrected together (Holm).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from firsthand.errors import UserError
from firsthand.evals.compare import Comparison, compare, holm
from firsthand.evals.metrics import Metric
from firsthand.evals.results import measured, predictions, same_questions
from firsthand.evals.rows import Gold, Prediction
from firsthand.evals.run_folder import Folder
from firsthand.evals.tables import Grid

SURE = 0.05


class Compared(Comparison):
    benchmark: str
    metric: str
    corrected: float = 1.0  # the p-value, by Holm over all comparisons

    @property
    def real(self) -> bool:
        return self.corrected < SURE


def compare_runs(runs: Sequence[Folder], metric: str | None = None, seed: int = 0) -> list[Compared]:
    of_benchmark = defaultdict[str, list[Folder]](list)
    for run in runs:
        of_benchmark[run.manifest.benchmark].append(run)
    found = [one for name, same in of_benchmark.items() for one in _against_first(name, same, metric, seed)]
    for one, corrected in zip(found, holm([one.p_value for one in found]), strict=True):
        one.corrected = corrected
    return found


def _against_first(name: str, runs: list[Folder], wanted: str | None, seed: int) -> Iterator[Compared]:
    if len(runs) == 1:
        raise UserError(f"{runs[0].path} is the only run of {name}: name another one to compare it with")
    if not same_questions(runs):
        raise UserError(f"{runs[0].path}: the answers of its questions are not public, so no run can be compared")
    unique = len({run.name for run in runs}) == len(runs)
    base, *others = ((run.name if unique else str(run.path), _measured(run, wanted)) for run in runs)
    cluster = runs[0].benchmark.cluster
    for title, (metric, answers, golds) in others:
        asked = {key: gold for key, gold in base[1].golds.items() if key in golds}
        one = compare((base[0], base[1].answers), (title, answers), asked, metric=metric, cluster=cluster, seed=seed)
        yield Compared(**one.model_dump(), benchmark=name, metric=metric.name)


class _Measured(NamedTuple):
    metric: Metric
    answers: dict[str, Prediction]
    golds: dict[str, Gold]  # of a judge: what it has a verdict of


def _measured(run: Folder, wanted: str | None) -> _Measured:
    """The run's own answers, of an agent those with its tools where it has any, by one metric or one judge's mark."""
    columns = predictions(run)
    if not columns:
        raise UserError(f"{run.path}: no answers yet; go on with `firsthand eval run {run.manifest.benchmark}`")
    column, answers = next(iter(columns.items()))
    known = {one[0].name: _Measured(*one) for one in measured(run, column, answers)}
    if wanted and wanted not in known:
        raise UserError(f"{run.path} has no metric {wanted!r}; it has {', '.join(known)}")
    return known[wanted] if wanted else next(iter(known.values()))


def grids(found: Sequence[Compared]) -> list[Grid]:
    """One table for each benchmark; the verdict is by the p-value corrected over all of them."""
    head = ["against the first", "n", "points", "95 % interval", "better, worse", "p", "p corrected", "real?"]
    head += ["n that would show it", "n shows from"]
    groups = groupby(found, key=lambda one: (one.benchmark, one.metric, one.a))
    return [
        Grid(f"{benchmark}, {metric}: against {a}", head, [_row(one) for one in same])
        for (benchmark, metric, a), same in groups
    ]


def _row(one: Compared) -> list[str]:
    low, high = (f"{100 * bound:+.1f}" for bound in one.interval)
    return [
        one.b,
        str(one.n) + (f" in {one.clusters} clusters" if one.clusters else ""),
        f"{100 * one.difference:+.1f}",
        f"{low} to {high}",
        f"{one.only_b}, {one.only_a}",
        f"{one.p_value:.2g}",
        f"{one.corrected:.2g}",
        "yes" if one.real else "not shown",
        "–" if one.needed is None else f"{one.needed:,}",
        f"{100 * one.visible:.1f} points",
    ]


def notes(found: Sequence[Compared]) -> list[str]:
    tests = ", ".join(dict.fromkeys(one.test for one in found))
    lines = [f"p: {tests}; corrected by Holm over {len(found)} comparisons; real: below {SURE} then"]
    lines.append("n that would show it, and what n shows: in four of five tries, if runs differ as these do")
    for name, missing in dict.fromkeys(pair for one in found for pair in zip((one.a, one.b), one.missing, strict=True)):
        if missing:
            lines.append(f"{name}: {missing} questions were never answered, and count as wrong; go on with that run")
    return lines
