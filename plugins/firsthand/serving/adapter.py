"""An adapter before it is merged: is it whole, made for this base and trained on it, and which part does it change?"""

import re
from pathlib import Path

from firsthand import files
from firsthand.errors import UserError
from firsthand.findings import Finding
from firsthand.serving.checks import failed, held, noted, passed, some
from firsthand.serving.weights import finite, first_difference, headers, naming, parameter_shapes

KEY = re.compile(r"base_model\.model\.(?P<layer>.+)\.lora_(?P<factor>[AB])\.weight")
TRAIN_AGAIN = "save the adapter again"


def check_adapter(base: Path, adapter: Path) -> list[Finding]:
    if not adapter.is_dir():
        raise UserError(f"adapter: {adapter} is not a folder; correct adapter_name_or_path (one adapter at a time)")
    fits = _fits(base, adapter)
    if not passed([fits]):
        return [fits]
    numbers = finite(adapter, "the training diverged: merge an earlier checkpoint of it")
    return [fits, *([] if passed([numbers]) else [numbers]), *_trained_on(base, adapter), _vision(adapter)]


def _fits(base: Path, adapter: Path) -> Finding:
    """Every factor has its layer in the base, and its size. peft itself leaves out what it does not find."""
    shapes, wrong = parameter_shapes(base), []
    found = headers(adapter, TRAIN_AGAIN)
    for key, header in sorted(found.items()):
        if not (match := KEY.fullmatch(key)):
            continue
        weight = f"{match['layer']}.weight"
        if weight not in shapes:
            wrong.append(f"{key}: the base has no {weight}")
        elif len(shapes[weight]) == 2:
            side = 1 if match["factor"] == "A" else 0
            if header.shape[side] != shapes[weight][side]:
                wrong.append(f"{key}: made for {header.shape[side]} features, the base has {shapes[weight][side]}")
    if not any(map(KEY.fullmatch, found)):
        detail = f"{adapter} holds no LoRA factors ({some(sorted(found))})"
        return failed("adapter", detail, "train with finetuning_type: lora; only LoRA is proven")
    if wrong:
        trained = _named_base(adapter)
        fix = f"it is an adapter of another model: write model_name_or_path: {trained}, which it was trained on"
        return failed("adapter", some(wrong, sign="; "), fix)
    return held("adapter", f"{len(found)} tensors fit the base")


def _named_base(adapter: Path) -> str | None:
    file = adapter / "adapter_config.json"
    with naming(file, TRAIN_AGAIN):
        return files.read_json(file).get("base_model_name_or_path")


def _trained_on(base: Path, adapter: Path) -> list[Finding]:
    """Two models of one size accept each other's adapters silently."""
    name = _named_base(adapter)
    if not name or Path(name).resolve() == base.resolve() or base.name == name:
        return []
    if not Path(name).is_dir():
        detail = f"it was trained on {name}, which is not here: see that {base} is the same model"
        return [noted("trained on", detail)]
    if (key := first_difference(Path(name), base)) is None:
        return []
    detail = f"the adapter was trained on {name}, and {key} differs in {base}"
    return [failed("trained on", detail, f"write model_name_or_path: {name}")]


def _vision(adapter: Path) -> Finding:
    touched = sorted(key for key in headers(adapter) if "visual." in key)
    if not touched:
        return held("vision tower", "the adapter changes the language model only")
    detail = (
        f"lora_target reached {len(touched)} tensors of it ({touched[0]} ...): serve the merged model. vLLM serves the "
        "vision part of an adapter with --enable-tower-connector-lora only (experimental, Qwen-VL series), and leaves "
        "it out without that. To train the language model only: freeze_vision_tower: true, "
        "freeze_multi_modal_projector: true"
    )
    return noted("vision tower", detail)
