"""Interaction regions, and which rows of a data set are worth training on."""
