"""Parameters by arithmetic are those of the classes of transformers, for the tiny models and the released shapes."""

import json
from pathlib import Path

import pytest

from firsthand.doctor.fit import shapes
from firsthand.errors import UserError

MODELS = Path(__file__).parents[3] / "models"
BILLIONS = {"Qwen2.5-3B": 3.09, "Qwen2.5-7B": 7.62, "Qwen3-4B": 4.02, "Qwen3-8B": 8.19, "Qwen3-VL-4B": 4.44,
            "Qwen3-VL-8B": 8.77, "Qwen2.5-VL-3B": 3.75, "Qwen2.5-VL-7B": 8.29, "Qwen2-VL-7B": 8.29}  # fmt: skip


def test_released_models_have_the_parameters_that_their_owners_state():
    assert shapes.RELEASED.keys() == BILLIONS.keys()
    for name, shape in shapes.RELEASED.items():
        assert shape.parameters / 1e9 == pytest.approx(BILLIONS[name], rel=0.003), name


@pytest.mark.parametrize("name", ["tiny_qwen3_vl", "tiny_qwen2_5_vl", "tiny_qwen2_5"])
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
    linear = [one for key, one in model.named_modules() if "layers.0." in key and type(one) is torch.nn.Linear]
    assert sorted(shape.matrices) == sorted((one.in_features, one.out_features) for one in linear)


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
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen3_5"}))
    with pytest.raises(UserError, match="qwen3_5"):
        shapes.shape(str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen3", "hidden_size": 8}))
    with pytest.raises(UserError, match="num_hidden_layers"):
        shapes.shape(str(tmp_path))
