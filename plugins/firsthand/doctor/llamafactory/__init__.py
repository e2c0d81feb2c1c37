"""Checks of a LLaMA-Factory recipe."""
