"""Hooks into veRL and LLaMA-Factory."""
