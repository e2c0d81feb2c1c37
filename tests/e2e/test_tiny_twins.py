"""The tiny veRL recipes for video that no other test runs: two steps of each, with its own data class, reward and loss.

The model was never fine-tuned and earns nothing of the recipe's reward, so a group reward by length moves its weights:
in the second step the rollout engine must have the new ones."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from firsthand import files

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
