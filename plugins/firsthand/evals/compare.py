"""Whether one run is better than another on the same questions, and how many questions it takes to see it.

The runs are compared question by question. If they are equally good, the difference of each question may as well have
the other sign; the p-value is the share of such sign flips whose sum is as large as the one seen. For right and wrong
answers this is the exact McNemar test. Questions of one cluster (of one video) are flipped together, because they are
right or wrong together. A paired bootstrap of whole clusters gives the interval of the difference.
"""

from collections import Counter
from collections.abc import Sequence
from math import ceil, comb, sqrt

import numpy as np
from pydantic import BaseModel

from firsthand.errors import UserError
from firsthand.evals.compare_pooled import Z80, pooled
from firsthand.evals.metrics import CHOICE, Metric
from firsthand.evals.metrics.metric import Pooled
from firsthand.evals.rows import Gold, Prediction
from firsthand.evals.score import Z95, bootstrap_of_mean, of_clusters, scorable

MCNEMAR, FLIPS = "exact McNemar", "sign flips"
EXACT = 14  # so many clusters have few enough sign flips to try them all
Run = tuple[str, dict[str, Prediction]]


class Comparison(BaseModel):
    """Run b against run a on the same questions; `difference` is b's accuracy minus a's."""

    a: str
    b: str
    n: int
    both: int  # equally good, and better than nothing
    only_a: int  # a is better
    only_b: int
    neither: int
    missing: tuple[int, int] = (0, 0)  # questions that a and b never answered; they are wrong
    clusters: int | None = None  # None: each question stands for itself
    graded: bool = False  # by a metric that also gives parts of a point
    difference: float
    interval: tuple[float, float]
    test: str = MCNEMAR
    p_value: float
    needed: int | None = None  # questions that would show this difference in four of five tries; None: there is none
    visible: float = 0.0  # the smallest difference that these questions would show so
    resamples: int
    seed: int

    @property
    def sentence(self) -> str:
        low, high = (f"{100 * bound:+.1f}" for bound in self.interval)
        how = "better" if self.graded else "right only"
        among = f", {self.clusters} clusters" if self.clusters else ""
        return (
            f"{self.b} against {self.a}: {100 * self.difference:+.1f} points "
            f"(95 % bootstrap interval {low} to {high}); {self.only_b} questions {how} with {self.b}, "
            f"{self.only_a} {'' if self.graded else 'only '}with {self.a}; {self.test} p = {self.p_value:.2g}, "
            f"n = {self.n}{among}"
        )


def compare(
    a: Run,
    b: Run,
    answers: dict[str, Gold],
    *,
    resamples: int = 10_000,
    seed: int = 0,
    metric: Metric = CHOICE,
    cluster: str | None = None,
) -> Comparison:
    """`cluster` is the key of the questions that are not independent; whole clusters are flipped and resampled."""
    answers = scorable(answers, metric)
    if not answers:
        raise UserError("there are no questions to compare two runs on")
    worth = [{key: _worth(said.get(key), gold, metric) for key, gold in answers.items()} for _, said in (a, b)]
    leads = {key: worth[1][key] - worth[0][key] for key in answers}
    ties = Counter(worth[0][key] > 0 for key, lead in leads.items() if lead == 0)
    only_a, only_b = (sum(sign * lead > 0 for lead in leads.values()) for sign in (-1, 1))
    graded = any(value not in (0, 1) for values in worth for value in values.values())
    of_cluster = {key: gold.group(cluster) if cluster else key for key, gold in answers.items()}
    table = of_clusters([(of_cluster[key], (lead, 1)) for key, lead in leads.items()])
    if isinstance(metric, Pooled):
        found = pooled(a[1], b[1], answers, of_cluster, metric, resamples, seed)
    else:
        single = not graded and len(table) == len(leads)
        needed, visible = _power(table)
        found = {
            "difference": sum(leads.values()) / len(leads),
            "interval": bootstrap_of_mean([(of_cluster[key], lead) for key, lead in leads.items()], resamples, seed),
            "test": MCNEMAR if single else FLIPS,
            "p_value": mcnemar(only_a, only_b) if single else sign_flips(table[:, 0], resamples, seed),
            "needed": needed,
            "visible": visible,
        }
    return Comparison(
        a=a[0],
        b=b[0],
        n=len(leads),
        both=ties[True],
        only_a=only_a,
        only_b=only_b,
        neither=ties[False],
        missing=(len(answers.keys() - a[1].keys()), len(answers.keys() - b[1].keys())),
        clusters=len(table) if cluster else None,
        graded=graded,
        **found,
        resamples=resamples,
        seed=seed,
    )


def mcnemar(only_a: int, only_b: int) -> float:
    """The exact two-sided p-value that `only_a` against `only_b` is a fair coin."""
    n, fewer = only_a + only_b, min(only_a, only_b)
    return min(1.0, 2 * sum(comb(n, k) for k in range(fewer + 1)) / 2**n)


def sign_flips(sums: Sequence[float] | np.ndarray, resamples: int = 10_000, seed: int = 0) -> float:
    """The two-sided p-value of these sums (of a question, or of a cluster): all their signs are tried, or many at
    random, among which the signs that were seen count as one."""
    found = np.array([value for value in sums if value])
    seen = abs(found.sum()) * (1 - 1e-9)  # sums of fractions differ in the last digit
    if len(found) <= EXACT:
        signs = 1 - 2 * (np.arange(2 ** len(found))[:, None] >> np.arange(len(found)) & 1)
        return float(np.mean(abs(signs @ found) >= seen))
    random, as_large = np.random.default_rng(seed), 0
    for done in range(0, resamples, 1000):
        signs = random.choice([-1.0, 1.0], size=(min(1000, resamples - done), len(found)))
        as_large += int((abs(signs @ found) >= seen).sum())
    return (as_large + 1) / (resamples + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values of several comparisons, corrected so that one false alarm among all of them has 5 %."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected, floor = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        floor = max(floor, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = floor
    return corrected


def _power(table: np.ndarray) -> tuple[int | None, float]:
    """Of the normal approximation: how many questions show this difference, and which difference these show.

    The error of the mean is that of sign flips if there is no difference, and that around the difference if there is.
    """
    sums, sizes = table.T
    n = sizes.sum()
    difference = sums.sum() / n
    if_none, if_some = sqrt((sums**2).sum()) / n, sqrt(((sums - difference * sizes) ** 2).sum()) / n
    needed = ceil(n * ((Z95 * if_none + Z80 * if_some) / difference) ** 2 - 1e-6) if difference else None
    return needed, float((Z95 + Z80) * if_none)


def _worth(said: Prediction | None, gold: Gold, metric: Metric) -> float:
    return (metric.value(said, gold) if said else None) or 0
