"""Patches `CPUOffloadPolicy` in `verl.workers.engine.fsdp.transformer_impl`: it always pins memory.

The reference model is offloaded with `pin_memory=True`, whatever the device. Memory is pinned for an accelerator, so
torch refuses without one. With the patch, the engine's policies do not pin memory.
"""

import inspect

import torch


def needed(transformer_impl) -> bool:
    source = inspect.getsource(transformer_impl.FSDPEngine._build_fsdp_module)
    return "CPUOffloadPolicy(pin_memory=True)" in source and not torch.accelerator.is_available()


def apply(transformer_impl) -> None:
    policy = transformer_impl.CPUOffloadPolicy
    transformer_impl.CPUOffloadPolicy = lambda pin_memory: policy(pin_memory=False)
