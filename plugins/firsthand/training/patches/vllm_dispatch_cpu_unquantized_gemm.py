"""Patches `vllm.model_executor.layers.utils.dispatch_cpu_unquantized_gemm`: it throws the weight of a layer away.

vLLM's linear layers on the CPU pack their weight into another form and leave an empty parameter behind. After that no
weight can be updated: "'Parameter' object has no attribute 'weight_loader'". A rollout engine gets new weights at every
step. With the patch, layers keep their weight and use plain `torch.nn.functional.linear`.
"""

import inspect

import torch


def needed(utils) -> bool:
    return "layer.weight = torch.nn.Parameter(torch.empty(0)" in inspect.getsource(utils.dispatch_cpu_unquantized_gemm)


def apply(utils) -> None:
    def dispatch_cpu_unquantized_gemm(layer, remove_weight):
        layer.cpu_linear = torch.nn.functional.linear

    utils.dispatch_cpu_unquantized_gemm = dispatch_cpu_unquantized_gemm
