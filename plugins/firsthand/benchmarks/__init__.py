"""Benchmarks as a competitor uses them: answered within a budget, submitted, scored, and never tuned on."""
