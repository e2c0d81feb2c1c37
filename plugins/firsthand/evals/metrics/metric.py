"""What the runner and the tables know of a metric."""

from typing import Any, Protocol, runtime_checkable

from firsthand.errors import UserError
from firsthand.evals.rows import Gold, Prediction
from firsthand.reward_fns.parts import library


class Metric(Protocol):
    """It may also have `libraries`: modules that it needs, which are looked for before anything is asked."""

    @property
    def name(self) -> str: ...

    @property
    def needs_letters(self) -> bool:
        """Whether open questions are left out."""

    def value(self, answer: Prediction, gold: Gold) -> float | None:
        """Between 0 and 1; None: the answer cannot be read, which counts as 0 and is counted apart."""


@runtime_checkable
class Pooled(Protocol):
    """A metric that is no mean over answers, such as an F1: each answer gives counts, and their sums the score."""

    def counts(self, answer: Prediction | None, gold: Gold) -> tuple[float, ...]: ...

    def of(self, sums: Any) -> Any:
        """The score of sums of counts, which are the last axis of an array."""


def check_libraries(metrics: tuple[Metric, ...]) -> None:
    """A library that is missing is said before the first question, not after the last one."""
    for metric in metrics:
        for name in getattr(metric, "libraries", ()):
            try:
                library(name)
            except ModuleNotFoundError:
                what = f"the metric {metric.name!r} needs {name.partition('.')[0]}, which is not installed"
                raise UserError(f"{what}: pip install 'firsthand[rewards]'") from None
