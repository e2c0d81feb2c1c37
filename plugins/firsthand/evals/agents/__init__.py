"""Benchmarks that ask an agent with tools."""
