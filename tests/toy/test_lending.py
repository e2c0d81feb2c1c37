"""What a tiny model takes over from another: equal weights by name, words by their text, norms in its own form."""

from pathlib import Path

import pytest

from firsthand.errors import UserError
from firsthand.serving.tokenizer_files import vocabulary
from firsthand.toy.tiny_models import models
from firsthand.toy.tiny_models.lending import WORDS, lend

TOWER = "model.visual.blocks.0.mlp.linear_fc1.weight"
MLP = "model.language_model.layers.2.mlp.up_proj.weight"
DELTA = "model.language_model.layers.0.linear_attn.in_proj_qkv.weight"
NORM = "model.language_model.layers.3.input_layernorm.weight"
QUERY = "model.language_model.layers.3.self_attn.q_proj.weight"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two models that know other words, with other random weights."""
    out = tmp_path_factory.mktemp("lending")
    models.build("qwen3_vl", out / "lender", ["the cup the book"] * 9, seed=1)
    models.build("qwen3_5", out / "taker", ["the cup the kettle"] * 9, seed=2)
    return out / "lender", out / "taker"


def test_weights_and_words_that_both_have_are_taken_over(folders: tuple[Path, Path]) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    lender, taker = folders
    given, before = (load_file(folder / "model.safetensors") for folder in folders)
    given[NORM] += 0.25
    save_file(given, lender / "model.safetensors", {"format": "pt"})
    assert lend(lender, taker) > 50
    after = load_file(taker / "model.safetensors")
    assert torch.equal(after[TOWER], given[TOWER]) and torch.equal(after[MLP], given[MLP])
    assert torch.equal(after[NORM], torch.full_like(after[NORM], 0.25))
    assert torch.equal(after[DELTA], before[DELTA]) and torch.equal(after[QUERY], before[QUERY])
    known, wanted = vocabulary(lender), vocabulary(taker)
    assert torch.equal(after[WORDS][wanted["<|im_end|>"]], given[WORDS][known["<|im_end|>"]])
    new = next(token for token in wanted if token not in known)
    assert torch.equal(after[WORDS][wanted[new]], before[WORDS][wanted[new]])


def test_without_the_other_model_it_says_what_comes_first(folders: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="train it first"):
        lend(tmp_path / "tiny_qwen3_vl", folders[1])
