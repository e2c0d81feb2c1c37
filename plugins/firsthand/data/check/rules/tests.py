"""Rows of a published test set: nothing is wrong with them, but nobody may learn from them."""

from firsthand.data.check.kinds import kind

TEST = kind(
    "test-set", "error", "rows of a published test set", "take them out; a model that has seen them has no score"
)
