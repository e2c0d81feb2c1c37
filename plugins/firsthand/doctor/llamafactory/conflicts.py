"""LLaMA-Factory: training settings that exclude each other, the model or the machine they ask for."""

from collections.abc import Callable, Iterator
from typing import Any

from firsthand.findings import RULES, Finding
from firsthand.media.limits import IMAGE
from firsthand.recipe import model_names
from firsthand.recipe.values import number
from firsthand.recipe.yaml_lines import Document

VISION_LORA = RULES["LF031"]
GPU_ONLY = RULES["LF034"]
CONTRADICTION = RULES["LF036"]
NOTHING_TO_DO = RULES["LF037"]

Settings = dict[str, Any]
# (when, key, what is wrong, what to do): combinations that LLaMA-Factory itself refuses, each after it has started
CONTRADICTIONS: list[tuple[Callable[[Settings], Any], str, str, str]] = [
    (
        lambda s: s.get("eval_dataset") and number(s.get("val_size")),
        "val_size",
        "`val_size` and `eval_dataset` exclude each other",
        "remove one of them",
    ),
    (
        lambda s: (
            (s.get("do_eval") or s.get("eval_strategy", "no") not in ("no", False, None))
            and not s.get("eval_dataset")
            and not number(s.get("val_size"))
        ),
        "eval_strategy",
        "evaluation is on, but there is nothing to evaluate on",
        "add `eval_dataset`, or `val_size: 0.05`",
    ),
    (
        lambda s: s.get("do_train") and not s.get("dataset"),
        "do_train",
        "training without a data set",
        "add `dataset:` with a name from dataset_info.json",
    ),
    (
        lambda s: s.get("streaming") and number(s.get("max_steps")) is None,
        "streaming",
        "`streaming` needs `max_steps`",
        "add `max_steps`",
    ),
    (
        lambda s: s.get("streaming") and s.get("max_samples") is not None,
        "max_samples",
        "`max_samples` does not work with `streaming`",
        "remove one of them",
    ),
    (
        lambda s: s.get("mask_history") and s.get("train_on_prompt"),
        "mask_history",
        "`mask_history` and `train_on_prompt` exclude each other",
        "remove one of them",
    ),
    (
        lambda s: s.get("adapter_name_or_path") and s.get("finetuning_type", "lora") != "lora",
        "finetuning_type",
        "an adapter needs `finetuning_type: lora`",
        "write `finetuning_type: lora`, or remove `adapter_name_or_path`",
    ),
    (
        lambda s: s.get("quantization_bit") is not None and s.get("finetuning_type", "lora") not in ("lora", "oft"),
        "quantization_bit",
        "a quantised model trains with LoRA or OFT only",
        "write `finetuning_type: lora`, or remove `quantization_bit`",
    ),
    (
        lambda s: s.get("stage", "sft") != "sft" and (s.get("mask_history") or s.get("neat_packing")),
        "stage",
        "`mask_history` and `neat_packing` exist for `stage: sft` only",
        "remove them",
    ),
    (
        lambda s: (number(s.get("image_max_pixels")) or IMAGE[1]) < (number(s.get("image_min_pixels")) or IMAGE[0]),
        "image_max_pixels",
        "`image_max_pixels` is below `image_min_pixels`",
        "raise it, or lower `image_min_pixels`",
    ),
]
NEEDS_GPU = {"fp16": (True,), "pure_bf16": (True,), "flash_attn": ("fa2", "fa3"), "enable_liger_kernel": (True,)}


def check(document: Document) -> Iterator[Finding]:
    settings: Settings = document.data
    for applies, key, message, fix in CONTRADICTIONS:
        if applies(settings):
            yield CONTRADICTION.at(document.place(key), message, fix)
    if not any(settings.get(key) for key in ("do_train", "do_eval", "do_predict")):
        yield NOTHING_TO_DO.at(document.place("do_train"), "no do_train, do_eval or do_predict", "add `do_train: true`")
    if settings.get("use_cpu") is True:
        for key, values in NEEDS_GPU.items():
            if settings.get(key) in values:
                yield GPU_ONLY.at(document.place(key), f"`{key}` needs a GPU, and `use_cpu` is true", f"remove `{key}`")
    lora_on_vision = settings.get("freeze_vision_tower") is False and settings.get("finetuning_type", "lora") == "lora"
    if lora_on_vision and model_names.family(settings.get("model_name_or_path")):
        message = "the adapter will hold vision weights that adapter serving ignores"
        fix = "write `freeze_vision_tower: true`, or merge before serving"
        yield VISION_LORA.at(document.place("freeze_vision_tower"), message, fix)
