"""Accuracy that says how sure it is. (Whether one run is better than another is asked in `compare.py`.)

A question without a prediction is wrong, and so is an answer that cannot be read; both are also counted apart.
Accuracies have Wilson 95 % intervals, which stay sensible near 0 and 1 and for a handful of questions.

Questions about one video are right or wrong together, which makes Wilson's intervals too narrow. Where the video of
each question is known, whole videos are resampled instead.
"""

from collections.abc import Callable, Iterable, Sequence
from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, Field, model_validator

from firsthand.errors import UserError
from firsthand.evals.metrics import CHOICE, Metric
from firsthand.evals.metrics.metric import Pooled
from firsthand.evals.rows import NO_GROUP, Gold, Prediction

if TYPE_CHECKING:
    from firsthand.evals.compare import Comparison

Z95 = NormalDist().inv_cdf(0.975)
Counts = tuple[float, ...]  # what one answer adds to a score; its worth and 1, where the score is a mean


def wilson(correct: float, n: int, z: float = Z95) -> tuple[float, float]:
    """The Wilson score interval of a share; the whole of [0, 1] when nothing was asked."""
    if n == 0:
        return 0.0, 1.0
    p = correct / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return (0.0 if correct == 0 else centre - half), (1.0 if correct == n else centre + half)


class Tally(BaseModel):
    n: int = Field(default=0, ge=0)
    correct: int | float = Field(default=0, ge=0)  # the sum of what the answers are worth
    unparsed: int = 0  # answered, but not with one letter
    missing: int = 0  # never answered
    bootstrap: tuple[float, float] | None = None  # over clusters, where questions are not independent

    @model_validator(mode="after")
    def _countable(self) -> "Tally":
        if self.correct > self.n:
            raise ValueError(f"{self.correct} right of {self.n}")
        return self

    @property
    def accuracy(self) -> float:
        return self.correct / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.correct, self.n)

    def add(self, correct: float, unparsed: bool, missing: bool) -> None:
        self.n += 1
        self.correct += correct
        self.unparsed += unparsed
        self.missing += missing


class Score(Tally):
    """One model on all questions, and by the values of one key of their rows; a row of a report's table."""

    model: str
    by: dict[str, Tally] = {}
    unknown: int = 0  # predictions with an id that no question has: only counted
    lenient: "Score | None" = None  # as the lenient reader has the answers; None: it reads none that were unreadable
    decimals: int = 1  # of the accuracy in per cent, as its benchmark prints it
    of_letters: bool = True  # which two readers may read in two ways

    @property
    def leniently(self) -> "Score":
        return self.lenient or self

    @property
    def only_lenient(self) -> int:
        """Answers that only the lenient reader could read."""
        return self.unparsed - self.leniently.unparsed


def score(
    model: str,
    predictions: dict[str, Prediction],
    answers: dict[str, Gold],
    by: str | Sequence[str] | None = None,
    cluster: str | None = None,
    metric: Metric = CHOICE,
    decimals: int = 1,
) -> Score:
    """`by` one key, or several, whose groups are then named `key: value`; `cluster` is the key of what to resample.

    The strict reader's score; where the lenient one can read more answers, its score is `lenient`.
    """
    strict = _score(model, predictions, answers, by, cluster, metric)
    strict.decimals, strict.of_letters = decimals, metric.needs_letters
    if strict.unparsed and metric.needs_letters:
        read = {key: row.leniently(answers[key]) for key, row in predictions.items() if key in answers}
        lenient = _score(model, read, answers, by, cluster, metric)
        lenient.decimals = decimals
        strict.lenient = lenient if lenient.unparsed < strict.unparsed else None
    return strict


def _score(
    model: str,
    predictions: dict[str, Prediction],
    answers: dict[str, Gold],
    by: str | Sequence[str] | None,
    cluster: str | None,
    metric: Metric,
) -> Score:
    keys = [by] if isinstance(by, str) else list(by or [])
    total = Score(model=model, unknown=len(predictions.keys() - answers.keys()))
    values: dict[str, list[tuple[str, Counts]]] = {}  # group -> cluster and counts of each answer
    of = metric.of if isinstance(metric, Pooled) else mean
    for key, gold in scorable(answers, metric).items():
        prediction = predictions.get(key)
        value = metric.value(prediction, gold) if prediction else None
        counts = metric.counts(prediction, gold) if isinstance(metric, Pooled) else (value or 0, 1)
        groups = [gold.group(name) if isinstance(by, str) else f"{name}: {gold.group(name)}" for name in keys]
        for group, tally in [("", total), *((group, total.by.setdefault(group, Tally())) for group in groups)]:
            tally.add(value or 0, bool(prediction) and value is None, prediction is None)
            values.setdefault(group, []).append((gold.group(cluster) if cluster else key, counts))
    if list(total.by) == [NO_GROUP]:
        raise UserError(f"no question has the key {by!r} to group by")
    total.by = dict(sorted(total.by.items()))
    pooled = isinstance(metric, Pooled)
    if cluster or pooled or any(counts[0] not in (0, 1) for _, counts in values.get("", [])):  # Wilson's need 0 and 1
        for group, tally in [("", total), *total.by.items()]:
            tally.bootstrap = bootstrap(values.get(group, []), of)
            if pooled and tally.n:
                tally.correct = tally.n * float(of(np.sum([counts for _, counts in values[group]], axis=0)))
    return total


def scorable(answers: dict[str, Gold], metric: Metric) -> dict[str, Gold]:
    """Without the open questions, where the metric reads letters."""
    return {key: gold for key, gold in answers.items() if gold.letters or not metric.needs_letters}


def mean(sums: np.ndarray) -> np.ndarray:
    """Of sums of worths and of ones, which are the last axis."""
    return sums[..., 0] / sums[..., 1]


def bootstrap_of_mean(values: Iterable[tuple[str, float]], resamples: int = 2000, seed: int = 0) -> tuple[float, float]:
    """`bootstrap` of the mean of values, each with the cluster that it belongs to."""
    return bootstrap([(cluster, (value, 1)) for cluster, value in values], resamples=resamples, seed=seed)


def bootstrap(
    values: Sequence[tuple[str, Counts]],
    of: Callable[[np.ndarray], np.ndarray] = mean,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """The 95 % interval of a score when whole clusters (all questions of a video) are drawn again with replacement.

    Clusters with the same counts are drawn as one: ten thousand answers that are right or wrong are two rows.
    """
    if not values:
        return 0.0, 1.0
    sums = of_clusters(values)
    table, alike = np.unique(sums, axis=0, return_counts=True)
    random, share = np.random.default_rng(seed), alike / len(sums)
    drawn = [
        of(random.multinomial(len(sums), share, size=min(1000, resamples - done)) @ table)
        for done in range(0, resamples, 1000)  # a thousand at a time, so that memory does not grow
    ]
    low, high = np.percentile(np.concatenate(drawn), [2.5, 97.5])
    return float(low), float(high)


def of_clusters(values: Iterable[tuple[str, Counts]]) -> np.ndarray:
    """The summed counts of every cluster, one row each, in the order of their first answers."""
    clusters: dict[str, np.ndarray] = {}
    for name, counts in values:
        clusters[name] = clusters[name] + counts if name in clusters else np.array(counts, float)
    return np.array(list(clusters.values()))


def as_json(scores: Sequence[Score], comparisons: Sequence["Comparison"]) -> dict[str, Any]:
    table = [
        row.model_dump()
        | {"accuracy": row.accuracy, "interval": row.interval}
        | {"lenient_accuracy": row.leniently.accuracy, "only_lenient": row.only_lenient}
        for row in scores
    ]
    return {"table": table, "comparisons": [row.model_dump() for row in comparisons]}
