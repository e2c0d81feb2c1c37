"""A model folder with random weights in a released shape, and the tokenizer and processor of a tiny model."""

import json
import shutil
from pathlib import Path

from on_gpu import TINY
from on_gpu.fine_tuning import config


def make(model: str, out: Path, weights: bool) -> Path:
    """Without weights it is for an engine that invents them. A model that is a folder already is taken as it is."""
    if Path(model).is_dir():
        return Path(model)
    wanted = config(model)
    if weights:
        import torch
        from transformers import AutoModelForImageTextToText

        with torch.device("cuda"):
            made = AutoModelForImageTextToText.from_config(wanted, dtype=torch.bfloat16)
        made.save_pretrained(out)
    out.mkdir(exist_ok=True)
    for file in TINY.iterdir():
        if file.suffix != ".safetensors" and file.name != "config.json":
            shutil.copy(file, out)
    tiny = json.loads((TINY / "config.json").read_text())
    own = {key: value for key, value in tiny.items() if key.endswith("_token_id")}  # the tiny tokenizer's numbers
    text = wanted.to_dict()
    text["architectures"] = tiny["architectures"]
    (out / "config.json").write_text(json.dumps(text | own | {"dtype": "bfloat16"}, default=str))
    return out
