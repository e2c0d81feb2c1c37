"""Parameters by arithmetic are those of the classes of transformers, for the tiny models and the released shapes."""

import json
from pathlib import Path

import pytest

from firsthand.doctor.fit import shapes
from firsthand.errors import UserError

MODELS = Path(__file__).parents[3] / "models"
BILLIONS = {"Qwen2.5-3B": 3.09, "Qwen2.5-7B": 7.62, "Qwen3-4B": 4.02, "Qwen3-8B": 8.19, "Qwen3-VL-4B": 4.44,
            "Qwen3-VL-8B": 8.77, "Qwen2.5-VL-3B": 3.75, "Qwen2.5-VL-7B": 8.29, "Qwen2-VL-7B": 8.29}  # fmt: skip
COUNTED = {"Qwen3.5-4B": 4.54, "Qwen3.5-9B": 9.41}  # from their configs, without the layer that drafts tokens ahead


def test_released_models_have_the_parameters_that_their_owners_state():
    assert shapes.RELEASED.keys() == BILLIONS.keys() | COUNTED.keys()
    for name, shape in shapes.RELEASED.items():
        assert shape.parameters / 1e9 == pytest.approx((BILLIONS | COUNTED)[name], rel=0.003), name


@pytest.mark.parametrize("name", ["tiny_qwen3_vl", "tiny_qwen3_5", "tiny_qwen2_5_vl", "tiny_qwen2_5"])
def test_a_folder_has_the_parameters_that_the_class_makes(name):
    torch, hf = pytest.importorskip("torch"), pytest.importorskip("transformers")
    config = hf.AutoConfig.from_pretrained(MODELS / name)
    auto = hf.AutoModelForImageTextToText if hasattr(config, "vision_config") else hf.AutoModelForCausalLM
    with torch.device("meta"):
        model = auto.from_config(config)
    shape = shapes.shape(str(MODELS / name))
    assert shape.parameters == sum(one.numel() for one in model.parameters())
    if shape.vision:
        assert shape.vision.parameters == sum(one.numel() for one in model.model.visual.parameters())
    kinds = {"self_attn": shape.matrices, "linear_attn": shape.delta_matrices}
    layers = dict(model.named_modules())
    for kind, matrices in kinds.items():
        [layer, *_] = [key.removesuffix(f".{kind}") for key in layers if key.endswith(f".{kind}")] or [None]
        inside = [one for key, one in layers.items() if layer and key.startswith(f"{layer}.")]
        linear = [(one.in_features, one.out_features) for one in inside if type(one) is torch.nn.Linear]
        assert sorted(matrices) == sorted(linear)
    assert shape.adapter(1) == sum(
        one.in_features + one.out_features for key, one in layers.items()
        if "layers." in key and type(one) is torch.nn.Linear and "visual" not in key
    )  # fmt: skip


def test_an_older_tower_has_the_parameters_that_the_class_makes():
    torch, hf = pytest.importorskip("torch"), pytest.importorskip("transformers")
    config = hf.Qwen2VLConfig(
        text_config={"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
                     "num_key_value_heads": 2, "vocab_size": 300},
        vision_config={"depth": 3, "embed_dim": 32, "hidden_size": 64, "num_heads": 2},
    )  # fmt: skip
    with torch.device("meta"):
        model = hf.Qwen2VLForConditionalGeneration(config)
    shape = shapes.of_config(config.to_dict(), Path("config.json"))
    assert shape.parameters == sum(one.numel() for one in model.parameters())


def test_a_hub_name_a_folder_of_ours_and_an_unknown_one(tmp_path):
    assert shapes.shape("Qwen/Qwen2.5-VL-7B-Instruct").family == "qwen2_5_vl"
    assert shapes.shape("runs/sft_ego_cott", "Qwen/Qwen2.5-3B-Instruct") == shapes.RELEASED["Qwen2.5-3B"]
    with pytest.raises(UserError, match="--model"):
        shapes.shape("runs/sft_ego_cott")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen3_5_moe"}))
    with pytest.raises(UserError, match="qwen3_5_moe"):
        shapes.shape(str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen3", "hidden_size": 8}))
    with pytest.raises(UserError, match="num_hidden_layers"):
        shapes.shape(str(tmp_path))
