"""Reads a recipe of LLaMA-Factory or veRL: its lines, what it inherits, what it names."""
