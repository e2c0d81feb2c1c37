"""The stock GRPO trainer without a GPU: it trains, its rollout engine follows, its checkpoint outlives it."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]
ROOT = Path(__file__).parents[2]
REWARD = ROOT / "tests/e2e/varied_reward.py"


@pytest.fixture(scope="module")
def train(on_cpu, random_model, colour_rows, tmp_path_factory):
    """A starter of `verl.trainer.main_ppo` (it gives the process and its log), and the folder of its checkpoints."""
    runs = tmp_path_factory.mktemp("run")

    def start(steps: int) -> tuple[subprocess.Popen, Path]:
        log = runs / f"{steps}.log"
        command = [
            sys.executable, "-m", "verl.trainer.main_ppo",
            "--config-dir", "recipes", "--config-name", "tiny_grpo_qwen3vl_choice",
            f"actor_rollout_ref.model.path={random_model}", f"data.media.root={colour_rows.parent}",
            f"data.train_files={colour_rows}", f"data.val_files={colour_rows}", "data.train_batch_size=4",
            "actor_rollout_ref.actor.ppo_mini_batch_size=4", "actor_rollout_ref.actor.optim.lr=0.01",
            "actor_rollout_ref.rollout.n=4", "data.max_response_length=16",
            f"reward.custom_reward_function.path={REWARD}", "~reward.custom_reward_function.reward_kwargs",
            f"trainer.default_local_dir={runs}/checkpoints", f"hydra.run.dir={runs}/hydra",
            f"trainer.total_training_steps={steps}", "trainer.total_epochs=100", "trainer.save_freq=1",
            "trainer.val_before_train=false", "trainer.test_freq=-1",
        ]  # fmt: skip
        with log.open("w") as output:
            return subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT), log

    return start, runs / "checkpoints"


@pytest.fixture(scope="module")
def killed(train) -> tuple[str, Path]:
    """What a run had written when it was killed, without warning, after its second checkpoint."""
    start, checkpoints = train
    process, log = start(steps=30)
    latest = checkpoints / "latest_checkpointed_iteration.txt"
    try:
        while process.poll() is None and not (latest.exists() and int(latest.read_text() or 0) >= 2):
            time.sleep(0.2)
        assert process.poll() is None, log.read_text()[-5000:]
        time.sleep(1)  # the metrics of a step follow its checkpoint
    finally:
        process.kill()
        process.wait()
    return log.read_text(), checkpoints


def metrics(output: str, name: str) -> list[float]:
    return [float(value) for value in re.findall(rf"[ -]{re.escape(name)}:([-\d.e]+)", output)]


def test_the_actor_learns_and_the_rollout_engine_follows(killed):
    output, _ = killed
    assert min(metrics(output, "actor/grad_norm")[:2]) > 1e-3
    agreement = metrics(output, "training/rollout_actor_probs_pearson_corr")
    assert len(agreement) >= 2, "the second step runs on weights that were sent after the first"
    assert min(agreement) > 0.98


def test_the_parts_of_the_reward_are_in_the_log(killed):
    output, _ = killed
    assert min(metrics(output, "reward/length")) > 1
    assert metrics(output, "reward/score") == pytest.approx(metrics(output, "critic/score/mean"), abs=1e-4)


def test_the_checkpoint_is_a_model_with_other_weights(killed, random_model, tmp_path):
    _, checkpoints = killed
    subprocess.run(
        [
            sys.executable, "-m", "verl.model_merger", "merge", "--backend", "fsdp",
            "--local_dir", checkpoints / "global_step_2/actor", "--target_dir", tmp_path,
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    from transformers import AutoModelForImageTextToText

    before, after = (AutoModelForImageTextToText.from_pretrained(path) for path in (random_model, tmp_path))
    pairs = list(zip(before.parameters(), after.parameters(), strict=True))
    assert sum(not one.equal(other) for one, other in pairs) > 0.9 * len(pairs)


def test_a_killed_run_resumes_where_it_was(killed, train):
    start, checkpoints = train
    latest = int((checkpoints / "latest_checkpointed_iteration.txt").read_text())
    process, log = start(steps=latest + 1)
    assert process.wait() == 0, log.read_text()[-5000:]
    output = log.read_text()
    assert f"setting global step to {latest}" in output
    assert metrics(output, "training/global_step") == [latest + 1]
    assert min(metrics(output, "training/rollout_actor_probs_pearson_corr")) > 0.98
