"""Benchmarks that ask one question in one turn."""
