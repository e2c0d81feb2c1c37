"""Patches `load_valuehead_model` of `verl.utils.model`: it needs flash-attention for a critic on any device.

The actor takes its attention from the recipe, the critic does not. With the patch, the critic uses torch's own.
"""

import inspect

import torch


def needed(model) -> bool:
    source = inspect.getsource(model.load_valuehead_model)
    return 'attn_implementation="flash_attention_2"' in source and not torch.accelerator.is_available()


def apply(model) -> None:
    model.load_valuehead_model = _load


def _load(local_path, torch_dtype, model_config, trust_remote_code):
    from transformers import AutoModelForTokenClassification

    return AutoModelForTokenClassification.from_pretrained(
        local_path,
        dtype=torch_dtype,
        config=model_config,
        attn_implementation="sdpa",
        trust_remote_code=trust_remote_code,
    )
