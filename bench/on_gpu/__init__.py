"""The parts of bench/gpu.py: each has `PACKAGES`, which it needs, and `run`."""

from pathlib import Path

TINY = Path(__file__).parents[2] / "models/tiny_qwen3_vl"
