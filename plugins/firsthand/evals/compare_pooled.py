"""Two runs by a score that is no mean over answers, such as an F1 over all moments.

If the runs are equally good, the answers of a cluster may as well have come from the other run: the p-value is the
share of such exchanges after which the scores are as far apart. The bootstrap draws whole clusters of both runs.
"""

from collections.abc import Mapping
from math import ceil
from statistics import NormalDist
from typing import Any

import numpy as np

from firsthand.evals.metrics.metric import Pooled
from firsthand.evals.rows import Gold, Prediction
from firsthand.evals.score import Z95, bootstrap, of_clusters

Z80 = NormalDist().inv_cdf(0.8)  # a difference is seen in four of five tries
EXCHANGES = "exchanges"
Answers = Mapping[str, Prediction]


def pooled(
    a: Answers,
    b: Answers,
    answers: Mapping[str, Gold],
    of_cluster: Mapping[str, str],
    metric: Pooled,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """The fields of a comparison; how many questions are needed follows from the width of the interval."""
    both = {key: [metric.counts(said.get(key), gold) for said in (a, b)] for key, gold in answers.items()}
    size = len(next(iter(both.values()))[0])

    def apart(sums: np.ndarray) -> Any:
        return metric.of(sums[..., size:]) - metric.of(sums[..., :size])

    values = [(of_cluster[key], (*one, *other)) for key, (one, other) in both.items()]
    difference = float(apart(np.sum([counts for _, counts in values], axis=0)))
    low, high = bootstrap(values, apart, resamples, seed)
    error = (high - low) / (2 * Z95)
    return {
        "difference": difference,
        "interval": (low, high),
        "test": EXCHANGES,
        "p_value": _exchanges(values, size, metric, abs(difference), resamples, seed),
        "needed": ceil(len(answers) * ((Z95 + Z80) * error / difference) ** 2) if difference else None,
        "visible": (Z95 + Z80) * error,
    }


def _exchanges(
    values: list[tuple[str, tuple[float, ...]]], size: int, metric: Pooled, seen: float, resamples: int, seed: int
) -> float:
    table = of_clusters(values)
    a, b = table[:, :size], table[:, size:]
    random, as_far = np.random.default_rng(seed), 0
    for done in range(0, resamples, 1000):
        moved = random.integers(0, 2, size=(min(1000, resamples - done), len(table))) @ (b - a)
        scores = metric.of(a.sum(0) + moved), metric.of(b.sum(0) - moved)
        as_far += int((abs(scores[1] - scores[0]) >= seen * (1 - 1e-9)).sum())
    return (as_far + 1) / (resamples + 1)
