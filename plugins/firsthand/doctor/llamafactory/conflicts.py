"""LLaMA-Factory: training settings that exclude each other, the model or the machine they ask for."""

from collections.abc import Iterator
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
NEEDS_GPU = {"fp16": (True,), "pure_bf16": (True,), "flash_attn": ("fa2", "fa3"), "enable_liger_kernel": (True,)}


def check(document: Document) -> Iterator[Finding]:
    settings: Settings = document.data
    for key, message, fix in _contradictions(settings):
        yield CONTRADICTION.at(document.place(key), message, fix)
    if not any(settings.get(key) for key in ("do_train", "do_eval", "do_predict")):
        yield NOTHING_TO_DO.at(document.place("do_train"), "no do_train, do_eval or do_predict", "add `do_train: true`")
    if settings.get("use_cpu") is True:
        for key, values in NEEDS_GPU.items():
            if settings.get(key) in values:
                yield GPU_ONLY.at(document.place(key), f"`{key}` needs a GPU, and `use_cpu` is true", f"remove `{key}`")
    lora_on_vision = settings.get("freeze_vision_tower") is False and settings.get("finetuning_type", "lora") == "lora"
    if lora_on_vision and model_names.family(settings.get("model_name_or_path")):
        message = "the adapter will hold vision weights, which vLLM leaves out without an experimental option"
        fix = "write `freeze_vision_tower: true`, merge before serving, or serve with --enable-tower-connector-lora"
        yield VISION_LORA.at(document.place("freeze_vision_tower"), message, fix)


def _contradictions(has: Settings) -> Iterator[tuple[str, str, str]]:
    """Key, what is wrong, and what to do: combinations that LLaMA-Factory itself refuses, each after it has started."""
    evaluates = has.get("do_eval") or has.get("eval_strategy", "no") not in ("no", False, None)
    split, tuning = number(has.get("val_size")), has.get("finetuning_type", "lora")
    most, fewest = (number(has.get(f"image_{end}_pixels")) for end in ("max", "min"))
    if split and has.get("eval_dataset"):
        yield "val_size", "`val_size` and `eval_dataset` exclude each other", "remove one of them"
    if evaluates and not split and not has.get("eval_dataset"):
        fix = "add `eval_dataset`, or `val_size: 0.05`"
        yield "eval_strategy", "evaluation is on, but there is nothing to evaluate on", fix
    if has.get("do_train") and not has.get("dataset"):
        yield "do_train", "training without a data set", "add `dataset:` with a name from dataset_info.json"
    if has.get("streaming") and number(has.get("max_steps")) is None:
        yield "streaming", "`streaming` needs `max_steps`", "add `max_steps`"
    if has.get("streaming") and has.get("max_samples") is not None:
        yield "max_samples", "`max_samples` does not work with `streaming`", "remove one of them"
    if has.get("mask_history") and has.get("train_on_prompt"):
        yield "mask_history", "`mask_history` and `train_on_prompt` exclude each other", "remove one of them"
    if has.get("adapter_name_or_path") and tuning != "lora":
        fix = "write `finetuning_type: lora`, or remove `adapter_name_or_path`"
        yield "finetuning_type", "an adapter needs `finetuning_type: lora`", fix
    if has.get("quantization_bit") is not None and tuning not in ("lora", "oft"):
        fix = "write `finetuning_type: lora`, or remove `quantization_bit`"
        yield "quantization_bit", "a quantised model trains with LoRA or OFT only", fix
    if has.get("stage", "sft") != "sft" and (has.get("mask_history") or has.get("neat_packing")):
        yield "stage", "`mask_history` and `neat_packing` exist for `stage: sft` only", "remove them"
    if (most or IMAGE[1]) < (fewest or IMAGE[0]):
        fix = "raise it, or lower `image_min_pixels`"
        yield "image_max_pixels", "`image_max_pixels` is below `image_min_pixels`", fix
