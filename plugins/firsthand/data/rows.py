"""The row models, under the name that other rooms knew first."""

from firsthand.rows import Question, Split, Step, StyleName, Trajectory

__all__ = ["Question", "Split", "Step", "StyleName", "Trajectory"]
