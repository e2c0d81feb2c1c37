"""Ego3S on the toy week: from a week to GRPO with its rewards, whose rows change while it runs, in the real trainer.

The model is the base one, which names nothing: what is shown is that all parts meet, not that anything is learnt.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(1200)]
BIN = Path(sys.executable).parent
PARTS = {"accuracy", "format", "objects", "grounded", "similarity", "unmeasured", "scarcity", "object_list"}


def sh(*command: object) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=1000)
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-2000:]}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def week(on_cpu, tmp_path_factory) -> Path:
    week = tmp_path_factory.mktemp("ego3s") / "week"
    sh(BIN / "firsthand", "toy", "build", week, "--people", 3, "--questions", 120)
    sh(BIN / "firsthand", "toy", "ego3s-rows", week)
    regions = ("--regions", week / "ego3s_regions.jsonl", "--model", "models/tiny_clip")
    sh(BIN / "firsthand", "select", "embed", week / "ego3s_grpo_train.parquet", *regions, "--out", week / "regions.npz")
    return week


@pytest.fixture(scope="module")
def run(week) -> Path:
    """Three rounds of one step; the policy is probed before the second and the third one."""
    out = week.parent
    select = yaml.safe_load(Path("recipes/ego3s/tiny_select.yaml").read_text())
    select |= {"pool": f"{week}/ego3s_grpo_train.parquet", "media_root": str(week)}
    select |= {"regions": f"{week}/ego3s_regions.jsonl", "out": f"{out}/select"}
    (out / "select.yaml").write_text(yaml.safe_dump(select))
    rounds = yaml.safe_load(Path("recipes/ego3s/tiny_curriculum.yaml").read_text())
    rounds |= {"select": f"{out}/select.yaml", "start": select["pool"], "out": f"{out}/curriculum"}
    rounds |= {"rounds": 3, "steps": 1, "probes": 8, "slice": 8, "stagnation": {"share": 0.1, "rest": 1, "tail": 0.0}}
    (out / "curriculum.yaml").write_text(yaml.safe_dump(rounds))
    variables = "ray_kwargs.ray_init.runtime_env.env_vars"
    sh(
        sys.executable, "-m", "verl.trainer.main_ppo", "--config-dir", "recipes/ego3s", "--config-name", "tiny_grpo",
        "actor_rollout_ref.model.path=models/tiny_qwen3_vl", f"data.train_files={week}/ego3s_grpo_train.parquet",
        f"data.val_files={week}/ego3s_grpo_dev.parquet", f"data.media.root={week}", "data.train_batch_size=4",
        "actor_rollout_ref.actor.ppo_mini_batch_size=4",
        f"reward.custom_reward_function.reward_kwargs.grounding.regions={week}/regions.npz",
        "trainer.v1.trainer_mode=curriculum", f"+trainer.v1.curriculum.recipe={out}/curriculum.yaml",
        "trainer.total_training_steps=3", "trainer.total_epochs=100", "trainer.val_before_train=False",
        "trainer.test_freq=-1", "trainer.save_freq=3", f"trainer.default_local_dir={out}/grpo",
        f"hydra.run.dir={out}/hydra", "trainer.logger=[console,file]", f"++{variables}.VERL_FILE_LOGGER_ROOT={out}/log",
    )  # fmt: skip
    return out


def test_every_part_is_paid_and_logged_and_the_engine_agrees_with_the_actor(run) -> None:
    [file] = run.glob("log/*/*.jsonl")
    steps = [json.loads(line)["data"] for line in file.read_text().splitlines()]
    assert len(steps) == 3 and {f"reward/{part}" for part in PARTS} <= steps[0].keys()
    assert all(step["reward/unmeasured"] == 0 and step["rollouts/not_finite"] == 0 for step in steps)
    assert all(step["training/rollout_actor_probs_pearson_corr"] > 0.999 for step in steps)


def test_the_policy_was_probed_by_the_trainers_own_servers_and_the_checkpoint_knows_it(run) -> None:
    asked = [run / f"curriculum/asked/step_{step:06d}" for step in (1, 2)]
    assert all(list(folder.glob("generations/*.jsonl")) and (folder / "probe.parquet").exists() for folder in asked)
    state = json.loads((run / "grpo/global_step_3/curriculum.json").read_text())
    assert len(state["probes"]) == 8 and not set(state["probes"]) & set(state["active"])
    assert (run / "curriculum/curriculum.html").exists()
