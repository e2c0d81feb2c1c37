"""The tiny recipes for video that no other test runs: two steps of veRL each, with its own data class, reward and loss,
and fine-tuning on twelve rows.

The model was never fine-tuned and earns nothing of the recipe's reward, so a group reward by length moves its weights:
in the second step the rollout engine must have the new ones."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from firsthand import files
from firsthand.data import registry

from . import squares

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(1500)]
ROOT = Path(__file__).parents[2]
SAMPLER = "trainer.v1.sampler.sampler_kwargs"
RLOO = ("hydra.searchpath=[file://recipes,file://recipes/shared]", "+shared@_global_=rloo")


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> Path:
    return squares.build(tmp_path_factory.mktemp("rows"))


@pytest.mark.parametrize(("recipe", "overrides"), [
    ("open_r1_video/tiny_grpo", ()),
    ("open_r1_video/tiny_grpo_qwen3vl", ()),
    ("video_r1/tiny_grpo", RLOO),
    ("egocross/tiny_grpo", ("data.media.video.min_pixels=4096",)),  # seeing more, it wants media tokens
])  # fmt: skip
def test_two_steps(on_cpu, rows: Path, tmp_path: Path, recipe: str, overrides: tuple[str, ...]) -> None:
    folder, name = recipe.split("/")
    command = [
        sys.executable, "-m", "verl.trainer.main_ppo", "--config-dir", f"recipes/{folder}", "--config-name", name,
        "actor_rollout_ref.model.path=models/tiny_qwen3_vl", "actor_rollout_ref.rollout.n=4",
        f"data.train_files={rows}/frames.parquet", f"data.val_files={rows}/frames.parquet", f"data.media.root={rows}",
        "data.train_batch_size=4", "actor_rollout_ref.actor.ppo_mini_batch_size=4", "trainer.total_training_steps=2",
        f"+{SAMPLER}.group_rewards.varied={{path: 'tests/e2e/varied_group.py:varied'}}",
        f"+{SAMPLER}.traces={tmp_path}/traces", "trainer.save_freq=-1", f"trainer.default_local_dir={tmp_path}",
        f"hydra.run.dir={tmp_path}/hydra", *overrides,
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900)
    (tmp_path / "log").write_text(done.stdout)
    assert done.returncode == 0, done.stdout[-5000:]
    steps = [
        re.findall(r"([\w/]+):(-?[\d.]+(?:e-?\d+)?)", line) for line in done.stdout.splitlines() if " step:" in line
    ]
    logged = [{key: float(value) for key, value in step} for step in steps]
    assert [step["training/global_step"] for step in logged] == [1, 2]
    for step in logged:
        assert step["training/rollout_probs_diff_max"] < 1e-3
        assert step["training/rollout_actor_probs_pearson_corr"] > 0.999
        assert step["actor/grad_norm"] > 0 and step["rollouts/missing"] == step["rollouts/not_finite"] == 0
    traced = [row for step in (1, 2) for row in files.read_jsonl(tmp_path / f"traces/{step:06d}.jsonl")]
    assert len(traced) == 32 and all({"accuracy", "format", "unreadable"} <= row["parts"].keys() for row in traced)


@pytest.mark.parametrize(("recipe", "rows_of", "overrides"), [
    ("video_r1/tiny_sft", "file", ()),
    ("egocross/tiny_sft_video", "frames", ("video_min_pixels=4096",)),
])  # fmt: skip
def test_fine_tuning(on_cpu, rows: Path, tmp_path: Path, recipe: str, rows_of: str, overrides: tuple[str, ...]) -> None:
    """Its eyes stay as they were, and what is taught is likelier afterwards."""
    values = files.read_yaml(ROOT / f"recipes/{recipe}.yaml")
    files.write_json(tmp_path / "dataset_info.json", {values["dataset"]: registry.entry(str(rows / f"{rows_of}.json"))})
    out = tmp_path / "out"
    command = [
        str(Path(sys.executable).with_name("llamafactory-cli")), "train", f"recipes/{recipe}.yaml",
        f"dataset_dir={tmp_path}", f"media_dir={rows}", f"output_dir={out}", "num_train_epochs=3", "logging_steps=1",
        *overrides,
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-5000:]
    losses = [row["loss"] for row in files.read_jsonl(out / "trainer_log.jsonl") if "loss" in row]
    assert len(losses) == 18 and losses[-1] < losses[0] / 2
    trained = load_file(next(out.glob("*.safetensors")))
    eyes = {name: weight.float() for name, weight in trained.items() if "visual" in name}
    if values["finetuning_type"] == "lora":
        assert not eyes and any(weight.abs().max() > 0 for name, weight in trained.items() if "lora_B" in name)
    else:
        before = load_file(ROOT / values["model_name_or_path"] / "model.safetensors")
        assert eyes and all((weight == before[name].float()).all() for name, weight in eyes.items())
