"""The whole loop through the real frameworks at the smallest size: SFT, export, proof, GRPO, merge, serving, resume."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from firsthand import files
from firsthand.evals.rows import Prediction, read_rows

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]
BIN = Path(sys.executable).parent
BASE = Path("models/tiny_qwen3_vl")
STEP = "training/global_step"


def sh(*command: object) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def week(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("loop") / "week"
    size = ["--people", 2, "--days", 2, "--sessions", 2, "--clips", 3, "--questions", 24]
    sh(BIN / "firsthand", "toy", "build", out, *size)
    sh(BIN / "firsthand", "toy", "rows", out)
    return out


@pytest.fixture(scope="module")
def merged(week) -> Path:
    """LoRA SFT and the export, proven."""
    out, sft, merged = week.parent, week.parent / "sft", week.parent / "merged"
    registry = files.read_json("dataset_info.json")
    registry["toy_choice"]["file_name"] = str(week / "choice_sft.json")
    files.write_json(out / "dataset_info.json", registry)
    train = [f"dataset_dir={out}", f"media_dir={week}", f"output_dir={sft}", "max_steps=6"]
    sh(BIN / "llamafactory-cli", "train", "recipes/tiny_sft_qwen3vl_lora.yaml", *train)
    sh(
        BIN / "firsthand", "export", "recipes/tiny_merge_qwen3vl_lora.yaml",
        f"adapter_name_or_path={sft}", f"export_dir={merged}", "--verify",
    )  # fmt: skip
    return merged


@pytest.fixture(scope="module")
def start(on_cpu, week, merged) -> Callable[[int], tuple[subprocess.Popen, Path]]:
    """The stock trainer up to a step, in one folder, and its log. One step moves the weights so far that a rollout
    engine which kept the old ones would not agree with the actor in the next."""

    def run(steps: int) -> tuple[subprocess.Popen, Path]:
        out = week.parent / "grpo"
        out.mkdir(exist_ok=True)
        log = out / f"log_{steps}"
        command = [
            sys.executable, "-m", "verl.trainer.main_ppo", "--config-dir", "recipes",
            "--config-name", "tiny_grpo_qwen3vl_choice", f"actor_rollout_ref.model.path={merged}",
            f"data.train_files={week}/choice_grpo_train.parquet", f"data.val_files={week}/choice_grpo_dev.parquet",
            f"data.media.root={week}", "data.train_batch_size=4", "actor_rollout_ref.actor.optim.lr=0.01",
            "actor_rollout_ref.actor.ppo_mini_batch_size=4", "actor_rollout_ref.rollout.n=4",
            f"trainer.default_local_dir={out}", f"trainer.rollout_data_dir={out}/rollouts", "trainer.save_freq=1",
            f"trainer.total_training_steps={steps}", "trainer.total_epochs=100",
            "trainer.val_before_train=False", "trainer.test_freq=-1",
        ]  # fmt: skip
        return subprocess.Popen(command, stdout=log.open("w"), stderr=subprocess.STDOUT), log

    return run


@pytest.fixture(scope="module")
def grpo(start, week) -> tuple[str, Path]:
    """Killed after the checkpoint of its second step; what it wrote after that is taken away."""
    out = week.parent / "grpo"
    process, log = start(50)
    tracker = out / "latest_checkpointed_iteration.txt"
    try:
        while not (
            tracker.exists() and int(tracker.read_text() or 0) >= 2 and len(metrics(log.read_text(), STEP)) >= 2
        ):
            assert process.poll() is None, log.read_text()[-5000:]
            time.sleep(0.1)
    finally:
        process.kill()
        process.wait()
    for folder in out.glob("global_step_*"):
        if int(folder.name.removeprefix("global_step_")) > 2:
            shutil.rmtree(folder)
    tracker.write_text("2")
    return log.read_text(), out


def metrics(said: str, name: str, most: int | None = None) -> list[float]:
    """What was logged of the first steps; a killed run may have begun another one."""
    return [float(value) for value in re.findall(rf"[ -]{re.escape(name)}:([-\d.e]+)", said)][:most]


def test_the_actor_learns_and_the_rollout_engine_follows(grpo):
    said, _ = grpo
    assert min(metrics(said, "actor/grad_norm")) > 1e-3
    agreement = metrics(said, "training/rollout_actor_probs_pearson_corr", 2)
    assert len(agreement) == 2 and min(agreement) > 0.98


def test_the_parts_of_the_reward_are_in_the_log_and_rollouts_on_disk(grpo):
    said, out = grpo
    for name in ("reward/accuracy", "reward/format"):
        assert len(metrics(said, name, 2)) == 2
    assert metrics(said, "reward/score", 2) == pytest.approx(metrics(said, "critic/score/mean", 2), abs=1e-4)
    for step, score in enumerate(metrics(said, "reward/score", 2), 1):
        scores = [row["score"] for row in map(json.loads, (out / f"rollouts/{step}.jsonl").read_text().splitlines())]
        assert len(scores) == 16 and all(0 <= one <= 1.2 for one in scores)
        assert sum(scores) / 16 == pytest.approx(score, abs=1e-4)


def test_the_checkpoint_is_another_model_and_a_server_on_it_answers(grpo, merged, week):
    from transformers import AutoModelForImageTextToText

    final = week.parent / "final"
    said = sh(BIN / "firsthand", "export", grpo[1] / "global_step_2", "--out", final)  # the base is on Hydra's record
    assert "are those of the checkpoint" in said and "logits, video" in said
    before, after = (AutoModelForImageTextToText.from_pretrained(path) for path in (merged, final))
    pairs = list(zip(before.parameters(), after.parameters(), strict=True))
    assert sum(not one.equal(other) for one, other in pairs) > 0.9 * len(pairs)

    few, answers = list(files.read_jsonl(week / "choice_test.jsonl"))[:6], week.parent / "answers"
    files.write_jsonl(week / "few.jsonl", few)
    asking = ["--max-tokens", 24, "--max-model-len", 640]
    sh(BIN / "firsthand", "eval", "run", week / "few.jsonl", "--model", final, "--out", answers, *asking)
    given = read_rows(answers / "answers.jsonl", Prediction)
    assert set(given) == {row["id"] for row in few}
    assert all(answer.output for answer in given.values())


def test_a_killed_run_goes_on_with_the_weights_of_its_checkpoint_in_actor_and_rollout_engine(grpo, start):
    """Last: the third checkpoint takes the place of the second."""
    process, log = start(3)
    assert process.wait() == 0, log.read_text()[-5000:]
    said = log.read_text()
    assert metrics(said, STEP) == [3], "it began anew"
    assert min(metrics(said, "training/rollout_actor_probs_pearson_corr")) > 0.98
