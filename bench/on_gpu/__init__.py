"""The parts of bench/gpu.py: each has `PACKAGES`, which it needs, and `run`."""
