"""What one tiny model has learnt already, for another of the same vocabulary: eyes, words, and feed-forward layers.

Without fast kernels the gated delta layers of Qwen3.5 train slowly on a CPU. So its tiny model is not taught to see
from random weights a second time.
"""

from pathlib import Path

from firsthand import files
from firsthand.errors import UserError
from firsthand.serving.weights import opened

NORMS = ("layernorm.weight", "language_model.norm.weight")  # Qwen3.5 stores them less one


def lend(lender: Path, taker: Path) -> int:
    """Copies each weight that both have, in name and shape, into the folder of `taker`; returns how many."""
    from safetensors.torch import load_file, save_file

    if not (lender / "model.safetensors").is_file():
        raise UserError(f"{lender}: no model; train it first, the tiny Qwen3.5 begins with its eyes and words")
    if files.read_json(lender / "tokenizer.json")["model"] != files.read_json(taker / "tokenizer.json")["model"]:
        raise UserError(f"{lender}: it knows other words than {taker}; train both with the same rows")
    weights = load_file(taker / "model.safetensors")
    with opened(lender / "model.safetensors") as handle:
        given = {name: handle.get_tensor(name) for name in handle.keys() if name in weights}  # noqa: SIM118
    given = {name: weight for name, weight in given.items() if weight.shape == weights[name].shape}
    for name, weight in given.items():
        less = 1 if "language_model" in name and name.endswith(NORMS) else 0
        weights[name] = (weight - less).contiguous()
    save_file(weights, taker / "model.safetensors", {"format": "pt"})
    return len(given)
