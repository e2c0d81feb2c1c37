"""What can be known of a model from its name, or from the config.json of its folder."""

import json
import re
from pathlib import Path
from typing import Any

# config.json model_type -> (name of the family, side of a vision patch in pixels)
MODEL_TYPES = {
    "qwen2_vl": ("Qwen2-VL", 14),
    "qwen2_5_vl": ("Qwen2.5-VL", 14),
    "qwen3_vl": ("Qwen3-VL", 16),
    "qwen3_vl_moe": ("Qwen3-VL", 16),
    "qwen3_5": ("Qwen3.5", 16),
    "qwen3_5_moe": ("Qwen3.5", 16),
}


# how the families are written in hub names and in folders such as qwen3vl_sft
NAMES = {
    r"qwen[-_]?2[-_]?vl": MODEL_TYPES["qwen2_vl"],
    r"qwen[-_]?2[._]?5[-_]?vl": MODEL_TYPES["qwen2_5_vl"],
    r"qwen[-_]?3[-_]?vl": MODEL_TYPES["qwen3_vl"],
    r"qwen[-_]?3[._]5(?!\d)": MODEL_TYPES["qwen3_5"],
}


def family(model: Any) -> tuple[str, int] | None:
    """The vision-language family of a hub name or a local folder; None when it is not one of those we know."""
    if not isinstance(model, str):
        return None
    model_type = _model_type(Path(model))
    if model_type is not None:
        return MODEL_TYPES.get(model_type)
    name = model.rstrip("/").split("/")[-1].lower()
    return next((facts for pattern, facts in NAMES.items() if re.search(pattern, name)), None)


def _model_type(folder: Path) -> str | None:
    found = _config(folder).get("model_type")
    return found if isinstance(found, str) else None


def is_tied(model: str) -> bool:
    """Whether a local model's output layer is its embedding."""
    return _config(Path(model)).get("tie_word_embeddings") is True


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return config if isinstance(config, dict) else {}


def is_instruct(model: str) -> bool:
    return "instruct" in model.split("/")[-1].lower()


def is_quantised(model: str) -> bool:
    return bool(re.search(r"(awq|gptq|bnb|int4|int8|fp8|4bit|8bit)", model.split("/")[-1].lower()))
