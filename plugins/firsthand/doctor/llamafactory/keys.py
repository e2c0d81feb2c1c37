"""LLaMA-Factory: unknown keys, keys of older versions, and values that it does not check itself."""

from collections.abc import Iterator
from typing import Any

from firsthand.findings import RULES, Finding
from firsthand.recipe import llamafactory_facts
from firsthand.recipe.python_source import Field
from firsthand.recipe.values import did_you_mean, number
from firsthand.recipe.yaml_lines import Document

UNKNOWN = RULES["LF001"]
LEGACY = RULES["LF002"]
UNCHECKED = RULES["LF003"]
BAD_VALUE = RULES["LF004"]
INTERPOLATION = RULES["LF005"]

# old key -> what to write instead
RENAMED = {
    "image_resolution": "image_max_pixels: <width * height> (it was one side, now it is an area)",
    "video_resolution": "video_max_pixels: <width * height> (it was one side, now it is an area)",
    "visual_inputs": "nothing: images and videos are recognised by the data set's columns",
    "train_mm_proj_only": "freeze_vision_tower: true with freeze_language_model: true",
    "num_layer_trainable": "freeze_trainable_layers",
    "name_module_trainable": "freeze_trainable_modules",
    "dpo_beta": "pref_beta",
    "dpo_loss": "pref_loss",
    "dpo_ftx": "pref_ftx",
    "checkpoint_dir": "adapter_name_or_path",
    "max_source_length": "cutoff_len (prompt and answer together)",
    "max_target_length": "cutoff_len (prompt and answer together)",
    "evaluation_strategy": "eval_strategy",
    "per_gpu_train_batch_size": "per_device_train_batch_size",
    "per_gpu_eval_batch_size": "per_device_eval_batch_size",
    "no_cuda": "use_cpu",
    "group_by_length": "train_sampling_strategy: group_by_length",
    "save_safetensors": "nothing: safetensors is the only format",
    "include_tokens_per_second": "include_num_input_tokens_seen",
}
KINDS = {"bool": (bool,), "int": (int,), "float": (int, float)}


def check(document: Document, kind: str) -> Iterator[Finding]:
    classes = llamafactory_facts.TRAIN if kind == "train" else llamafactory_facts.INFER
    known = llamafactory_facts.fields(classes)
    if not known:
        message, fix = "LLaMA-Factory is not installed: keys were not checked", 'pip install "firsthand[cpu]"'
        yield UNCHECKED.at(document.place(), message, fix)
    for key, value in document.data.items():
        place = document.place(key)
        if isinstance(value, str) and "${" in value:
            yield INTERPOLATION.at(place, f"`{value}` reaches LLaMA-Factory as it stands", "write the value itself")
        if key in known:
            yield from _value(document, known[key], value)
        elif key in RENAMED:
            yield LEGACY.at(place, f"`{key}` is gone", f"write {RENAMED[key]}")
        elif known:
            yield UNKNOWN.at(place, *_unknown(key, kind, known))


def _unknown(key: str, kind: str, known: dict[str, Field]) -> tuple[str, str]:
    if key in llamafactory_facts.fields(llamafactory_facts.TRAIN):
        return f"`{key}` belongs to training; `llamafactory-cli {kind}` stops on it", "remove it from this recipe"
    return f"`{key}` is not a LLaMA-Factory argument", did_you_mean(key, known, "remove it")


def _value(document: Document, field: Field, value: Any) -> Iterator[Finding]:
    place = document.place(field.name)
    parts = {part.strip() for part in field.annotation.split("|")} - {"None"}
    kind = parts.pop() if len(parts) == 1 else ""
    if field.choices and value is not None:
        if value not in field.choices:
            allowed = ", ".join(map(str, field.choices))
            fix = did_you_mean(str(value), map(str, field.choices), f"one of: {allowed}")
            yield BAD_VALUE.at(place, f"`{field.name}` cannot be `{value}`; it is one of {allowed}", fix)
    elif kind in KINDS and value is not None:
        if not isinstance(value, KINDS[kind]) or (kind != "bool" and number(value) is None):
            yield BAD_VALUE.at(place, f"`{field.name}` is a {kind}, not {value!r}", f"write a {kind} without quotes")
    elif field.name == "adapter_name_or_path" and isinstance(value, list):
        yield BAD_VALUE.at(place, "several adapters are one string", "write them as `a,b`")
