"""Weights in and out: a trunk in InternLM's layout, and the feature extractor alone for other people's probes.

InternLM keeps query, key and value in one matrix, in that order, each head after head; `w1` is the gate, `w2` the way
up and `w3` the way down. EgoAgent has released no weights and no names for stem, queries and heads, so only the trunk
can be read.
"""

from pathlib import Path

import torch
from torch import Tensor

from firsthand import files
from firsthand.egoagent.model.config import EgoAgentConfig, EgoAgentEncoderConfig
from firsthand.egoagent.model.model import EgoAgentEncoder, EgoAgentModel
from firsthand.errors import UserError

Weights = dict[str, Tensor]
IN_LAYER = {
    "mixer.out_proj": "self_attn.o_proj",
    "mlp.w1": "mlp.gate_proj",
    "mlp.w2": "mlp.up_proj",
    "mlp.w3": "mlp.down_proj",
    "norm1": "input_layernorm",
    "norm2": "post_attention_layernorm",
}
JOINED = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")


def from_internlm(weights: Weights) -> Weights:
    """A state of LlamaModel with biases in its attention and without words."""
    made: Weights = {}
    for name, value in weights.items():
        name = name.removeprefix("model.")
        if name == "norm.weight":
            made[name] = value
        elif name.startswith("blocks.") and not name.endswith("inv_freq"):
            _, layer, inner = name.split(".", 2)
            part, kind = inner.rsplit(".", 1)
            if part == "mixer.Wqkv":
                made |= {f"layers.{layer}.{one}.{kind}": cut for one, cut in zip(JOINED, value.chunk(3), strict=True)}
            elif part in IN_LAYER:
                made[f"layers.{layer}.{IN_LAYER[part]}.{kind}"] = value
            else:
                raise UserError(f"{name}: no such weight in a trunk of InternLM; known are Wqkv, {', '.join(IN_LAYER)}")
    return made


def to_internlm(trunk: Weights) -> Weights:
    back = {theirs: ours for ours, theirs in IN_LAYER.items()}
    made: Weights = {}
    for name, value in trunk.items():
        if name == "norm.weight":
            made[name] = value
            continue
        _, layer, inner = name.split(".", 2)
        part, kind = inner.rsplit(".", 1)
        if part == JOINED[0]:
            parts = [trunk[f"layers.{layer}.{one}.{kind}"] for one in JOINED]
            made[f"blocks.{layer}.mixer.Wqkv.{kind}"] = torch.cat(parts)
        elif part not in JOINED:
            made[f"blocks.{layer}.{back[part]}.{kind}"] = value
    return made


def read_internlm(source: Path) -> Weights:
    """One .pt file, or a folder of `model_tp0_pp*.pt`, whose layers are counted from 0 in each."""
    paths = sorted(source.glob("model_tp0_pp*.pt")) if source.is_dir() else [source]
    if not paths:
        raise UserError(f"{source}: no model_tp0_pp*.pt in it")
    if list(source.glob("model_tp1_*.pt")):
        raise UserError(f"{source}: its weights are split over several GPUs (tp1); join them first")
    made: Weights = {}
    for path in paths:
        files.check_regular(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
        made |= _shifted(found, layers=1 + max((_layer(name) for name in made), default=-1))
    return made


def _layer(name: str) -> int:
    parts = name.removeprefix("model.").split(".")
    return int(parts[1]) if parts[0] == "blocks" else -1


def _shifted(weights: Weights, layers: int) -> Weights:
    shifted = {}
    for name, value in weights.items():
        name, layer = name.removeprefix("model."), _layer(name)
        shifted[name if layer < 0 else f"blocks.{layer + layers}.{name.split('.', 2)[2]}"] = value
    return shifted


def import_trunk(source: Path, config: EgoAgentConfig, out: Path) -> int:
    """A model whose trunk is read and whose stem, queries and heads are new; returns how many weights were read."""
    model, trunk = EgoAgentModel(config), from_internlm(read_internlm(source))
    try:
        model.encoder.trunk.load_state_dict(trunk)
    except RuntimeError as error:
        raise UserError(f"{source}: not the trunk of this model ({error})") from None
    model.save_pretrained(out)
    return len(trunk)


def open_model(folder: Path) -> EgoAgentModel:
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder}: no model (no config.json); a run has them in OUTPUT_DIR/teacher and /student")
    model: EgoAgentModel = EgoAgentModel.from_pretrained(folder)
    return model.eval()


def export_trunk(folder: Path, out: Path) -> None:
    with files.replacing(out) as tmp:
        torch.save(to_internlm(open_model(folder).encoder.trunk.state_dict()), tmp)


def export_features(folder: Path, out: Path, pixels: int) -> None:
    """The encoder for AutoModel, and `features.pt2`, which needs torch alone: normalised images to vectors."""
    model = open_model(folder)
    kept = {key: value for key, value in model.config.to_dict().items() if key != "model_type"}
    encoder = EgoAgentEncoder(EgoAgentEncoderConfig(**kept))
    encoder.load_state_dict(model.encoder.state_dict())
    encoder.eval().save_pretrained(out)
    example = (torch.zeros(2, 3, pixels, pixels),)
    batch = {"images": {0: torch.export.Dim("images", min=1)}}
    with files.replacing(out / "features.pt2") as tmp:
        torch.export.save(torch.export.export(Vector(encoder), example, dynamic_shapes=batch), tmp)


class Vector(torch.nn.Module):
    def __init__(self, encoder: EgoAgentEncoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, images: Tensor) -> Tensor:
        vector: Tensor = self.encoder(images).pooler_output
        return vector
