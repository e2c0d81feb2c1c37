"""Benchmarks: questions asked, answers scored."""
