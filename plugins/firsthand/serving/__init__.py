"""Exports with their proof, and vLLM as a child process."""
