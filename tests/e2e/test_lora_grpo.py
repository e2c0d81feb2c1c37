"""GRPO of an adapter, weights on the host: two steps with pictures, and the merged model with its proof."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
run = pytest.mark.long  # a start of Ray; the first tier has the test of the adapters, and GRPO of whole weights
BIN, BASE = Path(sys.executable).parent, Path("models/tiny_qwen3_vl")


def test_adapters_stand_in_the_language_model_alone(on_cpu):
    """veRL's own code makes them, from the keys of the full recipe."""
    from types import SimpleNamespace

    from omegaconf import OmegaConf
    from transformers import AutoModelForImageTextToText
    from verl.workers.engine.fsdp.transformer_impl import FSDPEngine

    from firsthand.recipe.hydra_search import compose

    config = compose(Path("recipes/grpo_qwen3vl_choice_lora.yaml")).actor_rollout_ref.model
    OmegaConf.set_struct(config, False)  # the dataclass of veRL has more fields than its YAML
    model = AutoModelForImageTextToText.from_pretrained(BASE)
    linear = [name for name, one in model.named_modules() if type(one).__name__ == "Linear"]
    adapted = FSDPEngine._build_lora_module(SimpleNamespace(model_config=config), model)
    beside = {name.split(".lora_A.")[0] for name, one in adapted.named_parameters() if ".lora_A." in name}
    assert beside == {f"base_model.model.{name}" for name in linear if ".language_model." in name}
    assert any(".visual." in name for name in linear)
    assert all(".lora_" in name for name, one in adapted.named_parameters() if one.requires_grad)


def sh(*command: object) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-2000:]}"
    return done.stdout + done.stderr


def metrics(said: str, name: str) -> list[float]:
    return [float(value) for value in re.findall(rf"[ -]{re.escape(name)}:([-\d.e]+)", said)]


@pytest.fixture(scope="module")
def out(on_cpu, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("lora")
    size = ["--people", 2, "--days", 2, "--sessions", 2, "--clips", 3, "--questions", 24]
    sh(BIN / "firsthand", "toy", "build", out / "week", *size)
    sh(BIN / "firsthand", "toy", "rows", out / "week")
    return out


@pytest.fixture(scope="module")
def said(out) -> str:
    """A step moves the adapter so far that an engine which kept the old one would not agree in the next."""
    week = out / "week"
    return sh(
        sys.executable, "-m", "verl.trainer.main_ppo", "--config-dir", "recipes",
        "--config-name", "tiny_grpo_qwen3vl_choice_lora", f"actor_rollout_ref.model.path={BASE}",
        f"data.train_files={week}/choice_grpo_train.parquet", f"data.val_files={week}/choice_grpo_dev.parquet",
        f"data.media.root={week}", "data.train_batch_size=4", "actor_rollout_ref.actor.optim.lr=0.01",
        "actor_rollout_ref.actor.ppo_mini_batch_size=4", "actor_rollout_ref.rollout.n=4",
        "reward.custom_reward_function.path=tests/e2e/varied_reward.py",
        "~reward.custom_reward_function.reward_kwargs",
        f"trainer.default_local_dir={out}/grpo", "trainer.save_freq=2", "trainer.total_training_steps=2",
        "trainer.total_epochs=100", "trainer.val_before_train=False", "trainer.test_freq=-1",
    )  # fmt: skip


@run
def test_the_adapter_learns_and_the_rollout_engine_follows(said):
    assert metrics(said, "training/global_step") == [1, 2]
    assert min(metrics(said, "actor/grad_norm")) > 1e-4
    agreement, apart = (
        metrics(said, f"training/rollout_{name}") for name in ("actor_probs_pearson_corr", "probs_diff_max")
    )
    assert len(agreement) == 2 and min(agreement) > 0.98 and max(apart) < 0.02


@run
def test_the_checkpoint_is_the_base_with_its_language_model_adapted(said, out):
    from transformers import AutoModelForImageTextToText

    final = out / "final"
    proof = sh(BIN / "firsthand", "export", out / "grpo/global_step_2", "--base", BASE, "--out", final)
    assert "logits, video" in proof and "error" not in proof.lower()
    before, after = (
        dict(AutoModelForImageTextToText.from_pretrained(path).named_parameters()) for path in (BASE, final)
    )
    changed = {name for name in before if not before[name].equal(after[name])}
    assert changed and all(".language_model." in name and name.endswith("_proj.weight") for name in changed)
    layers = [name for name in before if ".language_model.layers." in name and name.endswith("_proj.weight")]
    assert len(changed) > 0.9 * len(layers)
