"""Qwen3.5 through the loop: LoRA SFT and the export with its proof; then vLLM serves it, and GRPO trains it further."""

import subprocess
import sys
from pathlib import Path

import pytest

from firsthand import files

sys.path.insert(0, str(Path(__file__).parent))
from test_loop import BIN, metrics, sh

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]
STEPS = 2


@pytest.fixture(scope="module")
def week(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("qwen3_5") / "week"
    sh(BIN / "firsthand", "toy", "build", out, "--people", 2, "--days", 2, "--clips", 3, "--questions", 24)
    sh(BIN / "firsthand", "toy", "rows", out)
    return out


@pytest.fixture(scope="module")
def export(week) -> tuple[str, ...]:
    """The command that exports the LoRA of a short SFT."""
    out = week.parent
    registry = files.read_json("dataset_info.json")
    registry["toy_choice"]["file_name"] = str(week / "choice_sft.json")
    files.write_json(out / "dataset_info.json", registry)
    train = [f"dataset_dir={out}", f"media_dir={week}", f"output_dir={out}/sft", "max_steps=6"]
    sh(BIN / "llamafactory-cli", "train", "recipes/tiny_sft_qwen3_5_lora.yaml", *train)
    paths = (f"adapter_name_or_path={out}/sft", f"export_dir={out}/merged")
    return (str(BIN / "firsthand"), "export", "recipes/tiny_merge_qwen3_5_lora.yaml", *paths)


@pytest.fixture(scope="module")
def merged(week, export) -> tuple[Path, str]:
    """The export, and what was said of it."""
    return week.parent / "merged", " ".join(sh(*export).split())


def test_the_export_is_proven_and_no_name_had_to_be_repaired(merged):
    said = merged[1]
    assert "same names and shapes as the base" in said and "logits, video" in said
    assert "renamed to" not in said, "the patch of what transformers saves was not at work"


def test_lora_reaches_the_gated_delta_layers(week, merged):
    from safetensors import safe_open

    with safe_open(week.parent / "sft/adapter_model.safetensors", "pt") as adapter:
        layers = {key.split(".lora_")[0].rpartition(".")[2] for key in adapter.keys()}  # noqa: SIM118
        assert not any("visual" in key for key in adapter.keys())  # noqa: SIM118
    assert layers >= {"in_proj_qkv", "in_proj_z", "in_proj_a", "in_proj_b", "out_proj", "q_proj", "down_proj"}


@pytest.mark.long
def test_vllm_answers_as_transformers_does(export, merged):
    said = " ".join(sh(*export, "--check-only", "--verify").split())
    assert "vLLM, image: the greedy answer of transformers" in said
    assert "vLLM, video: the greedy answer of transformers" in said


@pytest.mark.long
def test_rollout_and_actor_agree_while_it_learns(on_cpu, week, merged, tmp_path):
    """Two steps, the second on weights that the first has moved, with images; and its checkpoint is exported."""
    command = [
        sys.executable, "-m", "verl.trainer.main_ppo", "--config-dir", "recipes",
        "--config-name", "tiny_grpo_qwen3_5_choice", f"actor_rollout_ref.model.path={merged[0]}",
        f"data.train_files={week}/choice_grpo_train.parquet", f"data.val_files={week}/choice_grpo_dev.parquet",
        f"data.media.root={week}", "data.train_batch_size=4", "actor_rollout_ref.actor.optim.lr=0.001",
        "actor_rollout_ref.actor.ppo_mini_batch_size=4", "actor_rollout_ref.rollout.n=4",
        "reward.custom_reward_function.path=tests/e2e/varied_reward.py", "~reward.custom_reward_function.reward_kwargs",
        f"trainer.default_local_dir={tmp_path}/grpo", f"trainer.save_freq={STEPS}",
        f"trainer.total_training_steps={STEPS}", "trainer.total_epochs=100", "trainer.val_before_train=False",
        "trainer.test_freq=-1",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout[-4000:]}{done.stderr[-1000:]}"
    assert len(metrics(done.stdout, "training/global_step")) == STEPS
    assert min(metrics(done.stdout, "training/rollout_actor_probs_pearson_corr")) > 0.98
    assert max(metrics(done.stdout, "training/rollout_probs_diff_max")) < 0.1  # bfloat16 against float32
    assert min(metrics(done.stdout, "actor/grad_norm")) > 1e-3
    final = tmp_path / "final"
    said = sh(BIN / "firsthand", "export", tmp_path / f"grpo/global_step_{STEPS}", "--base", merged[0], "--out", final)
    assert "are those of the checkpoint" in " ".join(said.split())
