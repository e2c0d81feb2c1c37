"""InternLM's trunk and ours are the same function, by a forward that shares no code with transformers; and what other
people get is the same model."""

from pathlib import Path

import pytest
import torch

from firsthand.egoagent.convert import export_features, export_trunk, from_internlm, import_trunk, to_internlm
from firsthand.egoagent.model.config import EgoAgentConfig
from firsthand.egoagent.model.model import EgoAgentModel
from firsthand.errors import UserError

from .worlds import MODEL

HIDDEN, HEADS, INNER, LAYERS = 96, 4, 256, 3
CONFIG = EgoAgentConfig(**MODEL | {
    "hidden_size": HIDDEN, "num_attention_heads": HEADS, "intermediate_size": INNER, "num_hidden_layers": LAYERS
})  # fmt: skip
SHAPES = {
    "norm1.weight": (HIDDEN,), "mixer.Wqkv.weight": (3 * HIDDEN, HIDDEN), "mixer.Wqkv.bias": (3 * HIDDEN,),
    "mixer.out_proj.weight": (HIDDEN, HIDDEN), "mixer.out_proj.bias": (HIDDEN,), "norm2.weight": (HIDDEN,),
    "mlp.w1.weight": (INNER, HIDDEN), "mlp.w2.weight": (INNER, HIDDEN), "mlp.w3.weight": (HIDDEN, INNER),
}  # fmt: skip


@pytest.fixture
def internlm() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = {f"blocks.{i}.{name}": shape for i in range(LAYERS) for name, shape in SHAPES.items()}
    shapes["norm.weight"] = (HIDDEN,)
    return {
        name: torch.randn(shape, generator=generator) * (0.1 if len(shape) > 1 else 0.3) + ("norm" in name)
        for name, shape in shapes.items()
    }


def reference(
    w: dict[str, torch.Tensor], x: torch.Tensor, swapped: bool = False, by_head: bool = False
) -> torch.Tensor:
    """The forward of such a trunk in float64, from its description; the switches are two ways to misread it."""
    w, x = {name: value.double() for name, value in w.items()}, x.double()
    batch, tokens, size = *x.shape[:2], HIDDEN // HEADS
    angle = torch.arange(tokens).double()[:, None] / 10000 ** (torch.arange(0, size, 2).double() / size)

    def norm(x, weight):
        return x / (x.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt() * weight

    def turned(x):
        first, second = x[..., : size // 2], x[..., size // 2 :]
        return torch.cat([first * angle.cos() - second * angle.sin(), second * angle.cos() + first * angle.sin()], -1)

    for i in range(LAYERS):
        layer = {name: w[f"blocks.{i}.{name}"] for name in SHAPES}
        joined = norm(x, layer["norm1.weight"]) @ layer["mixer.Wqkv.weight"].T + layer["mixer.Wqkv.bias"]
        if by_head:
            q, k, v = joined.view(batch, tokens, HEADS, 3, size).permute(3, 0, 2, 1, 4)
        else:
            q, k, v = joined.view(batch, tokens, 3, HEADS, size).permute(2, 0, 3, 1, 4)
        scores = turned(q) @ turned(k).transpose(-1, -2) / size**0.5
        scores = scores.masked_fill(torch.ones(tokens, tokens).triu(1).bool(), -torch.inf)
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, tokens, HIDDEN)
        x = x + mixed @ layer["mixer.out_proj.weight"].T + layer["mixer.out_proj.bias"]
        inner = norm(x, layer["norm2.weight"])
        gate, up = (inner @ layer[f"mlp.{name}.weight"].T for name in (("w2", "w1") if swapped else ("w1", "w2")))
        x = x + (gate * torch.sigmoid(gate) * up) @ layer["mlp.w3.weight"].T
    return norm(x, w["norm.weight"])


@torch.no_grad()
def test_the_trunk_is_the_same_function_and_misreadings_are_others(internlm) -> None:
    model = EgoAgentModel(CONFIG)
    model.encoder.trunk.load_state_dict(from_internlm(internlm))
    x = torch.randn(2, 70, HIDDEN, generator=torch.Generator().manual_seed(1))
    found = model.encoder.trunk(inputs_embeds=x).last_hidden_state.double()
    assert (found - reference(internlm, x)).abs().max() < 1e-4
    assert (found - reference(internlm, x, swapped=True)).abs().max() > 0.1
    assert (found - reference(internlm, x, by_head=True)).abs().max() > 0.1


def test_there_and_back_is_bit_equal(internlm) -> None:
    back = to_internlm(from_internlm(internlm))
    assert back.keys() == internlm.keys() and all(torch.equal(back[name], internlm[name]) for name in back)


def test_files_of_a_pipeline_are_joined_and_come_back(internlm, tmp_path: Path) -> None:
    """Two files, as two GPUs wrote them: each counts its layers from 0, with a prefix and rotary tables in it."""
    first = {f"model.{name}": value for name, value in internlm.items() if name.startswith("blocks.0.")}
    first["model.blocks.0.mixer.rotary_emb.inv_freq"] = torch.zeros(3)
    rest = {name: value for name, value in internlm.items() if not name.startswith("blocks.0.")}
    second = {name.replace("blocks.1.", "blocks.0.").replace("blocks.2.", "blocks.1."): rest[name] for name in rest}
    folder = tmp_path / "weights"
    folder.mkdir()
    torch.save(first, folder / "model_tp0_pp0.pt")
    torch.save(second, folder / "model_tp0_pp1.pt")
    assert import_trunk(folder, CONFIG, tmp_path / "model") == LAYERS * (len(SHAPES) + 4) + 1
    export_trunk(tmp_path / "model", tmp_path / "again.pt")
    again = torch.load(tmp_path / "again.pt", weights_only=True)
    assert again.keys() == internlm.keys() and all(torch.equal(again[name], internlm[name]) for name in again)


def test_a_trunk_of_another_size_is_refused(internlm, tmp_path: Path) -> None:
    torch.save(internlm, tmp_path / "trunk.pt")
    with pytest.raises(UserError, match="not the trunk of this model"):
        import_trunk(tmp_path / "trunk.pt", EgoAgentConfig(**MODEL), tmp_path / "model")
    torch.save({"blocks.0.mixer.gate.weight": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(UserError, match="no such weight"):
        import_trunk(tmp_path / "other.pt", CONFIG, tmp_path / "model")


@torch.no_grad()
def test_exported_features_are_those_of_the_model(tmp_path: Path) -> None:
    from transformers import AutoModel

    model = EgoAgentModel(EgoAgentConfig(**MODEL)).eval()
    model.save_pretrained(tmp_path / "model")
    export_features(tmp_path / "model", tmp_path / "out", pixels=32)
    images = torch.randn(3, 3, 32, 32)
    wanted = model.encode(images)
    assert torch.equal(AutoModel.from_pretrained(tmp_path / "out").eval()(images).pooler_output, wanted)
    alone = torch.export.load(tmp_path / "out/features.pt2").module()
    assert torch.allclose(alone(images), wanted, atol=1e-5)
