"""Patches `load_valuehead_model` of `verl.utils.model`: it wants flash-attention, whatever the recipe says.

The actor takes its attention from the recipe (`override_config.attn_implementation`). With the patch the critic does so
too; where both want flash-attention, upstream loads it as before.
"""

import functools
import inspect


def needed(model) -> bool:
    return 'attn_implementation="flash_attention_2"' in inspect.getsource(model.load_valuehead_model)


def apply(model) -> None:
    upstream = model.load_valuehead_model

    @functools.wraps(upstream)
    def load_valuehead_model(local_path, torch_dtype, model_config, trust_remote_code):
        from transformers import AutoModelForTokenClassification

        attention = model_config._attn_implementation
        if attention == "flash_attention_2":
            return upstream(local_path, torch_dtype, model_config, trust_remote_code)
        return AutoModelForTokenClassification.from_pretrained(
            local_path,
            dtype=torch_dtype,
            config=model_config,
            attn_implementation=attention,
            trust_remote_code=trust_remote_code,
        )

    model.load_valuehead_model = load_valuehead_model
