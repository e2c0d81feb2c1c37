"""Judges: models that say what an open answer is worth, by a published protocol."""
