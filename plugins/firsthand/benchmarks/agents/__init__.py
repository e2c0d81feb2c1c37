"""Benchmarks of agents: many questions with tools, what came out, and what it took."""
