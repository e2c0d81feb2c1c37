"""The sums against the profiler's count of real training steps: weights, gradients, AdamW, activations, logits.

In float32 on a CPU, with vocabularies and rows so large that each part is a good share of the peak. What a CPU cannot
measure: bfloat16 (these CPUs take minutes for a step), CUDA's own memory, DeepSpeed, FSDP and the engine.
"""

import json
from pathlib import Path

import pytest

from firsthand.doctor.fit import sft
from firsthand.doctor.fit.machine import GB, Machine
from firsthand.doctor.fit.peak import peak
from firsthand.doctor.fit.step import Batch

torch = pytest.importorskip("torch")
hf = pytest.importorskip("transformers")
pytestmark = pytest.mark.e2e
MODELS = Path(__file__).parents[3] / "models"
RECIPE = {"finetuning_type": "full", "flash_attn": "fa2"}  # no row is padded here; "sdpa" below


@pytest.fixture
def folder(tmp_path):
    """A folder with the config of a tiny model, some sizes of which are changed."""

    def made(name: str, **sizes: int) -> Path:
        config = json.loads((MODELS / name / "config.json").read_text())
        config.get("text_config", config).update(sizes)
        (tmp_path / "config.json").write_text(json.dumps(config))
        return tmp_path

    return made


def trained(folder: Path, recipe: dict):
    """The model as LLaMA-Factory trains it: what is frozen, adapters, checkpoints."""
    config = hf.AutoConfig.from_pretrained(folder)
    auto = hf.AutoModelForImageTextToText if hasattr(config, "vision_config") else hf.AutoModelForCausalLM
    model = auto.from_config(config, attn_implementation="sdpa").train()
    for name, weight in model.named_parameters():
        weight.requires_grad_("visual" not in name)
    if recipe["finetuning_type"] == "lora":
        from peft import LoraConfig, get_peft_model

        lora = LoraConfig(r=recipe["lora_rank"], target_modules="all-linear", exclude_modules=".*visual.*|lm_head")
        model = get_peft_model(model, lora)
    if not recipe.get("disable_gradient_checkpointing"):
        model.gradient_checkpointing_enable({"use_reentrant": True})
        model.enable_input_require_grads()
    return model


def steps(folder: Path, recipe: dict, batch: Batch, pictures: dict) -> None:
    """Two updates from nothing, the second beside the optimizer's state; logits only where labels are."""
    model = trained(folder, recipe)
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad])
    ids = torch.randint(1, 700, (batch.rows, batch.tokens))
    mask = torch.ones_like(ids)
    if batch.rows > 1:
        mask[0, -3:] = 0
    if pictures:
        ids[:, 2 : 2 + batch.seen] = model.config.image_token_id
    told = torch.arange(batch.tokens - batch.labels - 1, batch.tokens)
    inputs = {"input_ids": ids, "attention_mask": mask, "labels": ids[:, told], "logits_to_keep": told}
    if recipe.get("packed"):  # as veRL does it: sequences one after the other, and nothing but positions parts them
        inputs |= {"attention_mask": None, "position_ids": (torch.arange(batch.tokens) % 300)[None]}
    for _ in range(2):
        loss = model(**inputs, **pictures, use_cache=False).loss
        loss.backward()
        del loss
    optimizer.step()
    loss = model(**inputs, **pictures, use_cache=False).loss
    loss.backward()
    optimizer.step()


def predicted(folder: Path, recipe: dict, batch: Batch) -> dict[str, float]:
    given = sft.settings(recipe | {"model_name_or_path": str(folder)}, batch, "")
    phases = sft.need(given, Machine(1, 80 * GB)).phases
    parts = dict(max(phases, key=lambda one: one.total - one.parts["allowance"]).parts)
    return {part: size for part, size in parts.items() if part != "allowance"}


LORA = {"finetuning_type": "lora", "lora_rank": 4}
DELTA = {"use_cpu": True}  # so the gated delta rule runs in PyTorch's own code
WIDE = {"hidden_size": 256, "intermediate_size": 768}
CASES = {  # name -> config, sizes, recipe, batch, the part that is to be large
    "many labels": ("tiny_qwen2_5", {"vocab_size": 5000}, RECIPE, Batch(1, 400, 380), "logits"),
    "few labels": ("tiny_qwen2_5", {"vocab_size": 6000}, RECIPE, Batch(1, 1500, 20), "one layer"),
    "many weights": ("tiny_qwen2_5", WIDE, RECIPE, Batch(1, 300, 20), "optimizer"),
    "padded rows": ("tiny_qwen2_5", {}, RECIPE | {"flash_attn": "sdpa"}, Batch(2, 1000, 20), "attention mask"),
    "packed rows": ("tiny_qwen2_5", {}, RECIPE | {"flash_attn": "sdpa", "packed": True}, Batch(1, 2500, 20),
                    "attention mask"),
    "nothing again": ("tiny_qwen2_5", {}, RECIPE | {"disable_gradient_checkpointing": True}, Batch(1, 1000, 20),
                      "activations"),
    "norms of heads": ("tiny_qwen3_vl", {"vocab_size": 2000}, RECIPE, Batch(1, 1000, 20), "one layer"),
    "adapters": ("tiny_qwen3_vl", WIDE, RECIPE | LORA, Batch(1, 1000, 20), "weights"),
    "gated delta rule": ("tiny_qwen3_5", {}, RECIPE | DELTA, Batch(1, 1000, 20), "one layer"),
    "its adapters": ("tiny_qwen3_5", {}, RECIPE | LORA | DELTA, Batch(1, 1000, 20), "one layer"),
    "heads of a rule": ("tiny_qwen3_5", {"linear_num_value_heads": 4}, RECIPE | LORA | DELTA, Batch(1, 700, 20),
                        "one layer"),
    "many layers": ("tiny_qwen3_vl", {"num_hidden_layers": 16}, RECIPE | LORA, Batch(1, 600, 20), "activations"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_sum_is_the_measured_peak(folder, name):
    model, sizes, recipe, batch, large = CASES[name]
    where = folder(model, **sizes)
    if "num_hidden_layers" in sizes:
        config = json.loads((where / "config.json").read_text())
        config["text_config"].pop("layer_types", None)
        (where / "config.json").write_text(json.dumps(config))
    parts = predicted(where, recipe, batch)
    assert parts[large] > 0.1 * sum(parts.values())
    measured = peak(lambda: steps(where, recipe, batch, {}))
    assert sum(parts.values()) == pytest.approx(measured, rel=0.15), (measured, parts)


def test_pictures_are_counted(folder):
    where = folder("tiny_qwen3_vl")
    columns, rows = 60, 40  # of patches: 600 tokens
    batch = Batch(1, 700, 20, columns * rows // 4)
    parts = predicted(where, RECIPE, batch)
    made = {"pixel_values": torch.randn(columns * rows, 1536), "image_grid_thw": torch.tensor([[1, rows, columns]])}
    kinds = torch.zeros(1, 700, dtype=torch.int)
    kinds[:, 2 : 2 + batch.seen] = 1
    made["mm_token_type_ids"] = kinds
    held = sum(one.numel() * one.element_size() for one in made.values())  # the profiler saw it come before
    measured = peak(lambda: steps(where, RECIPE, batch, made)) + held
    assert parts["pictures"] > 0.2 * sum(parts.values())
    assert sum(parts.values()) == pytest.approx(measured, rel=0.15), (measured, parts)


@pytest.mark.parametrize("recipe", [RECIPE, RECIPE | LORA])
def test_what_stays_is_weights_gradients_and_adam(folder, recipe):
    """Each part on its own, to the byte but for a few numbers of the optimizer."""
    where = folder("tiny_qwen3_vl")
    kept = []
    measured = {"weights": peak(lambda: kept.append(trained(where, recipe)))}
    [model] = kept
    moved = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(moved)

    def gradients():
        for one in moved:
            one.grad = torch.zeros_like(one)

    measured["gradients"] = peak(gradients)
    optimizer.step()
    state = [value for of_one in optimizer.state.values() for value in of_one.values()]
    measured["optimizer"] = sum(value.numel() * value.element_size() for value in state)
    parts = predicted(where, recipe, Batch(1, 100, 10))
    for part, size in measured.items():
        assert parts[part] == pytest.approx(size, rel=0.06), part
