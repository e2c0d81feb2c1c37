"""Sequences packed into one row, as the recipes have it without flash-attention, do not see one another.

veRL packs with positions that begin again at 0, no mask, and `use_cache=False`: transformers then makes a mask of the
blocks. The real trainer runs so in tests/e2e; here each kind of model is compared with what it says of one alone.
"""

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
