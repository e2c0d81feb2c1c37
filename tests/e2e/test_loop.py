"""The whole loop through the real frameworks at the smallest size: SFT, export, proof, GRPO, merge, serving."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from firsthand import files
from firsthand.evals.rows import Prediction, read_rows

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]
BIN = Path(sys.executable).parent
BASE = Path("models/tiny_qwen3_vl")


def sh(*command: object) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def test_sft_export_grpo_serve(tmp_path: Path) -> None:
    week, sft, merged, grpo, final = (tmp_path / name for name in ("week", "sft", "merged", "grpo", "final"))
    size = ["--people", 2, "--days", 2, "--sessions", 2, "--clips", 3, "--questions", 24]
    sh(BIN / "firsthand", "toy", "build", week, *size)
    sh(BIN / "firsthand", "toy", "rows", week)

    registry = files.read_json("dataset_info.json")
    registry["toy_choice"]["file_name"] = str(week / "choice_sft.json")
    files.write_json(tmp_path / "dataset_info.json", registry)
    train = [f"dataset_dir={tmp_path}", f"media_dir={week}", f"output_dir={sft}", "max_steps=6"]
    sh(BIN / "llamafactory-cli", "train", "recipes/tiny_sft_lora_qwen3vl.yaml", *train)
    sh(
        BIN / "firsthand", "export", "recipes/tiny_merge_lora_qwen3vl.yaml",
        f"adapter_name_or_path={sft}", f"export_dir={merged}", "--verify",
    )  # fmt: skip

    out = sh(
        sys.executable, "-m", "verl.trainer.main_ppo", "--config-dir", "recipes",
        "--config-name", "tiny_grpo_qwen3vl_choice", f"actor_rollout_ref.model.path={merged}",
        f"data.train_files={week}/choice_grpo_train.parquet", f"data.val_files={week}/choice_grpo_dev.parquet",
        f"data.media.root={week}", "data.train_batch_size=4",
        "actor_rollout_ref.actor.ppo_mini_batch_size=4", "actor_rollout_ref.rollout.n=4",
        f"trainer.default_local_dir={grpo}", f"trainer.rollout_data_dir={grpo}/rollouts",
        "trainer.total_training_steps=2", "trainer.val_before_train=False", "trainer.test_freq=-1",
    )  # fmt: skip
    rollouts = [json.loads(line) for line in (grpo / "rollouts/2.jsonl").read_text().splitlines()]
    assert len(rollouts) == 16 and all(0 <= row["score"] <= 1.2 for row in rollouts), out[-2000:]
    said = sh(BIN / "firsthand", "export", grpo / "global_step_2", "--out", final)  # the base is on Hydra's record
    assert "are those of the checkpoint" in said and "logits, video" in said

    questions = week / "choice_test.jsonl"
    few = list(files.read_jsonl(questions))[:6]
    files.write_jsonl(week / "few.jsonl", few)
    sh(BIN / "firsthand", "demo", "ask", final, week / "few.jsonl", "--out", tmp_path / "answers.jsonl")
    answers = read_rows(tmp_path / "answers.jsonl", Prediction)
    assert set(answers) == {row["id"] for row in few}
    assert all(answer.output for answer in answers.values())
