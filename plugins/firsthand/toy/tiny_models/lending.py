"""What one tiny model has learnt already, for another: eyes, words, and feed-forward layers.

Without fast kernels the gated delta layers of Qwen3.5 train slowly on a CPU. So its tiny model is not taught to see
from random weights a second time.
"""

from pathlib import Path
from typing import Any

from firsthand.errors import UserError
from firsthand.serving.tokenizer_files import vocabulary
from firsthand.serving.weights import opened

NORMS = ("layernorm.weight", "language_model.norm.weight")  # Qwen3.5 stores them less one
WORDS = "model.language_model.embed_tokens.weight"


def lend(lender: Path, taker: Path) -> int:
    """Copies each weight that both have, in name and shape, into the folder of `taker`, and the words that both know;
    returns how many weights it changed."""
    from safetensors.torch import load_file, save_file

    if not (lender / "model.safetensors").is_file():
        raise UserError(f"{lender}: no model; train it first, the tiny Qwen3.5 begins with its eyes and words")
    weights = load_file(taker / "model.safetensors")
    with opened(lender / "model.safetensors") as handle:
        given = {name: handle.get_tensor(name) for name in handle.keys() if name in weights}  # noqa: SIM118
    given[WORDS] = _words(given[WORDS], weights[WORDS], vocabulary(lender), vocabulary(taker))
    given = {name: weight for name, weight in given.items() if weight.shape == weights[name].shape}
    for name, weight in given.items():
        less = 1 if "language_model" in name and name.endswith(NORMS) else 0
        weights[name] = (weight - less).contiguous()
    save_file(weights, taker / "model.safetensors", {"format": "pt"})
    return len(given)


def _words(given: Any, own: Any, known: dict[str, int], wanted: dict[str, int]) -> Any:
    """A row for each token of the taker: the lender's where it knows the token."""
    rows = own.clone()
    for token, place in wanted.items():
        if token in known:
            rows[place] = given[known[token]]
    return rows
