"""What an answer is worth: one small file per family of metrics. A benchmark names those it is scored by."""

from firsthand.evals.metrics.choice import CHOICE
from firsthand.evals.metrics.metric import Metric

__all__ = ["CHOICE", "Metric"]
