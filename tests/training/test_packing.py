"""Sequences packed into one row, as the recipes have it without flash-attention, do not see one another.

veRL packs with positions that begin again at 0, no mask, and `use_cache=False`: transformers then makes a mask of the
blocks. The real trainer runs so in tests/e2e; here each kind of model is compared with what it says of one alone.
"""

import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
MODELS = Path(__file__).parents[2] / "models"
LENGTHS = (7, 1, 12)


@pytest.mark.parametrize(("kind", "head"), [
    ("qwen2_5", "AutoModelForCausalLM"), ("qwen2_5", "AutoModelForTokenClassification"),
    ("qwen3_vl", "AutoModelForImageTextToText"),
])  # fmt: skip
def test_a_packed_sequence_is_as_if_alone(kind: str, head: str) -> None:
    torch.manual_seed(0)
    load = getattr(transformers, head).from_pretrained
    model = load(MODELS / f"tiny_{kind}", attn_implementation="sdpa", dtype=torch.float32).eval()
    sequences = [torch.randint(10, 200, (1, length)) for length in LENGTHS]
    packed = torch.cat(sequences, 1)

    def scores(ids, *lengths):
        places = torch.cat([torch.arange(length) for length in lengths])[None]
        places = places.expand(4, 1, -1) if kind == "qwen3_vl" else places  # of text, time, height and width
        with torch.inference_mode():
            return model(input_ids=ids, attention_mask=None, position_ids=places, use_cache=False).logits[0]

    def difference(one, other):
        return float((one - other).abs().max())

    alone = torch.cat([scores(ids, length) for ids, length in zip(sequences, LENGTHS, strict=True)])
    assert difference(scores(packed, *LENGTHS), alone) < 1e-4
    assert difference(scores(packed, sum(LENGTHS)), alone) > 1e-2, "as one sequence the tokens do see one another"


IN_VERL = """
import sys, torch, transformers
from verl.models.transformers.monkey_patch import apply_monkey_patch
model = transformers.AutoModelForImageTextToText.from_pretrained(sys.argv[1], attn_implementation="sdpa").float().eval()
sequences = [torch.randint(10, 200, (1, length)) for length in (7, 1, 12)]
@torch.inference_mode()
def scores(ids, *lengths):
    places = torch.cat([torch.arange(length) for length in lengths])[None].expand(4, 1, -1)
    return model(input_ids=ids, attention_mask=None, position_ids=places, use_cache=False).logits[0]
alone = torch.cat([scores(ids, ids.shape[1]) for ids in sequences])
apply_monkey_patch(model, use_remove_padding=True, ulysses_sp_size=1)
packed = scores(torch.cat(sequences, 1), 7, 1, 12)
assert (packed - alone).abs().max() < 1e-4
assert (scores(torch.cat(sequences, 1), 20) - alone).abs().max() > 1e-2
"""


def test_verl_packs_qwen2_5_vl_without_flash_attention_and_without_pictures() -> None:
    """In a process of its own: veRL changes the classes for good. The plugin of veRL has installed the patches."""
    done = subprocess.run([sys.executable, "-c", IN_VERL, str(MODELS / "tiny_qwen2_5_vl")], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
