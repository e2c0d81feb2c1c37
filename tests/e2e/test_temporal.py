"""T-GRPO and DAPO on the stock trainer, on questions about frame lists and about video files. Each run packs its
sequences (or not), and rollout and actor must see the same tokens, times and pixels."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firsthand import files

from . import squares

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(1500)]
ROOT = Path(__file__).parents[2]
REWARD = Path(__file__).with_name("parity_reward.py")
GROUPS = "trainer.v1.sampler.sampler_kwargs.group_rewards"


@pytest.fixture(scope="module")
def week(tmp_path_factory) -> Path:
    return squares.build(tmp_path_factory.mktemp("week"))


def start(out: Path, week: Path, rows: str, *overrides: str) -> subprocess.Popen:
    """tiny_tgrpo on a model that was never fine-tuned; its log is beside."""
    sampler, rewards = "trainer.v1.sampler.sampler_kwargs", "reward.custom_reward_function.reward_kwargs"
    command = [
        sys.executable, "-m", "verl.trainer.main_ppo", "--config-dir", "recipes/video_r1",
        "--config-name", "tiny_tgrpo", "actor_rollout_ref.model.path=models/tiny_qwen3_vl",
        f"data.train_files={week}/{rows}.parquet", f"data.val_files={week}/{rows}.parquet",
        f"data.media.root={week}", "data.train_batch_size=4", "actor_rollout_ref.actor.ppo_mini_batch_size=4",
        "actor_rollout_ref.rollout.n=4", f"{rewards}.of={REWARD}:compute_score", f"~{rewards}.preset",
        f"trainer.default_local_dir={out}", f"{sampler}.traces={out}/traces",
        f"trainer.rollout_data_dir={out}/rollouts", f"hydra.run.dir={out}/hydra", *overrides,
    ]  # fmt: skip
    return subprocess.Popen(command, cwd=ROOT, stdout=(out / "log").open("a"), stderr=subprocess.STDOUT)


def train(out: Path, week: Path, rows: str, *overrides: str) -> str:
    """Two steps; what was said of them."""
    process = start(out, week, rows, "trainer.total_training_steps=2", *overrides)
    assert process.wait(timeout=900) == 0, (out / "log").read_text()[-5000:]
    return said(out)


def said(out: Path) -> str:
    """What was logged of the first two steps; a killed run may have begun another one."""
    lines = (out / "log").read_text().splitlines()
    return "\n".join([line for line in lines if f"step:{step} - " in line][-1] for step in (1, 2))


def metrics(said: str, name: str) -> list[float]:
    return [float(value) for value in re.findall(rf"[ -]{re.escape(name)}:([-\d.e]+)", said)]


def traces(out: Path) -> dict[tuple[int, str], list[dict[str, Any]]]:
    """By step and question."""
    groups = defaultdict(list)
    for step in (1, 2):
        for row in files.read_jsonl(out / f"traces/{step:06d}.jsonl"):
            groups[step, row["key"].split("_")[0]].append(row)
    return groups


def check_rollout_and_actor_agree(said: str, out: Path) -> None:
    assert len(metrics(said, "training/global_step")) == 2
    assert max(metrics(said, "training/rollout_probs_diff_max")) < 1e-3
    assert min(metrics(said, "training/rollout_actor_probs_pearson_corr")) > 0.999
    assert min(metrics(said, "actor/grad_norm")) > 0
    assert metrics(said, "rollouts/missing") == [0.0, 0.0], (
        "no rollout was lost: all prompts had the tokens of their counterpart"
    )
    for step in (1, 2):
        for row in map(json.loads, (out / f"rollouts/{step}.jsonl").read_text().splitlines()):
            stamps = re.findall(r"<([\d.]+) seconds>", row["input"])
            assert stamps == ["0.2", "1.2", "2.0"], "two frames a stamp, half a second between them; the last is alone"


@pytest.fixture(scope="module")
def tgrpo(on_cpu, week, tmp_path_factory) -> tuple[str, Path]:
    """Killed after its first checkpoint, and gone on with: a group reward must remember what it knew."""
    out = tmp_path_factory.mktemp("tgrpo")
    tracker = out / "latest_checkpointed_iteration.txt"
    options = (
        "actor_rollout_ref.model.use_remove_padding=true", "trainer.save_freq=1",
        f"+{GROUPS}.running_std={{by: label, decay: 0.9}}",
    )  # fmt: skip
    process = start(out, week, "frames", *options)
    try:
        while not (tracker.exists() and "step:1 - " in (out / "log").read_text()):
            assert process.poll() is None, (out / "log").read_text()[-5000:]
            time.sleep(0.1)
    finally:
        process.kill()
        process.wait()
    for folder in out.glob("global_step_*"):
        if folder.name != "global_step_1":
            shutil.rmtree(folder)
    tracker.write_text("1")
    return train(out, week, "frames", *options), out


def test_frame_lists_in_packed_sequences(tgrpo):
    check_rollout_and_actor_agree(*tgrpo)


def test_half_of_the_rollouts_have_counterparts_that_are_scored_and_never_trained(tgrpo):
    _, out = tgrpo
    for group in traces(out).values():
        assert len(group) == 4, "a counterpart is no trajectory"
        with_others = [row for row in group if row["orders"]]
        assert [row["key"].split("_")[1] for row in sorted(with_others, key=lambda row: row["key"])] == ["0", "1"]
        for row in group:
            assert row["text"] is not None and row["length"] >= row["trained"] > 0
            for order in ("shuffled", "reversed"):
                part = f"accuracy_{order}"
                assert (part in row["parts"]) == bool(row["orders"])
                if row["orders"]:
                    assert row["parts"][part] == float(len(row["orders"][order]) % 2)


def test_the_bonus_is_paid_where_the_order_helped(tgrpo):
    for group in traces(tgrpo[1]).values():
        ordered = [row["parts"]["accuracy"] for row in group]
        shuffled = [row["parts"]["accuracy_shuffled"] for row in group if row["orders"]]
        held = sum(ordered) / 4 >= 0.8 * sum(shuffled) / 2
        for row in group:
            parts = row["parts"]
            assert parts["temporal_held"] == float(held)
            assert parts["temporal"] == (0.3 if held and parts["accuracy"] else 0.0)
            paid = parts["score"] + parts["temporal"] + parts["length_bonus"]
            assert row["score"] == pytest.approx(paid / (parts["running_std"] + 1e-6), abs=1e-5)


def test_the_gap_is_in_the_log_by_kind_and_parts_are_not_halved(tgrpo):
    said, out = tgrpo
    rows = [row for group in traces(out).values() for row in group]
    for step in (1, 2):
        counterparts = [row["parts"]["accuracy_shuffled"] for row in rows if row["orders"] and row["step"] == step]
        logged = metrics(said, "reward/accuracy_shuffled")[step - 1]
        assert logged == pytest.approx(sum(counterparts) / len(counterparts), abs=1e-3)
        gap = metrics(said, "orders/all/ordered")[step - 1] - metrics(said, "orders/all/shuffled")[step - 1]
        assert metrics(said, "orders/all/gap_shuffled")[step - 1] == pytest.approx(gap, abs=2e-3)
    assert metrics(said, "orders/order/gap_reversed") and metrics(said, "orders/scene/gap_reversed")


def test_a_killed_run_goes_on_with_the_spread_of_its_checkpoint(tgrpo):
    """Reckoned here from the scores in the traces: running means of first and second moment over both steps."""
    _, out = tgrpo
    steps = defaultdict(list)
    for (step, _), group in sorted(traces(out).items()):
        for row in group:
            given = row["parts"]["score"] + row["parts"]["temporal"] + row["parts"]["length_bonus"]
            steps[row["facts"]["label"], step].append(given)
    saved = files.read_json(out / "global_step_2/group_rewards.json")["running_std"]["moments"]
    for kind, (count, first, second) in saved.items():
        expected, seen = [0.0, 0.0], 0
        for step in (1, 2):
            if scores := steps[kind, step]:
                moments = np.mean(scores), np.mean(np.square(scores))
                expected, seen = [0.9 * old + 0.1 * new for old, new in zip(expected, moments, strict=True)], seen + 1
        assert (count, first, second) == (seen, pytest.approx(expected[0]), pytest.approx(expected[1]))
    assert max(count for count, *_ in saved.values()) == 2


def test_dapo_on_video_files_drops_groups_that_do_not_vary(on_cpu, week, tmp_path):
    logged = train(
        tmp_path, week, "file", "hydra.searchpath=[file://recipes,file://recipes/shared]", "+shared@_global_=dapo",
        "actor_rollout_ref.model.use_remove_padding=false", f"~{GROUPS}.temporal", "trainer.save_freq=-1",
    )  # fmt: skip
    check_rollout_and_actor_agree(logged, tmp_path)
    assert sum(metrics(logged, "training/filter_groups/evicted_samples")) > 0
    for group in traces(tmp_path).values():
        assert len({row["parts"]["accuracy"] for row in group}) == 2, "all that is trained on varies"
        for row in group:
            over = -max(0.0, row["length"] - (24 - 0.2 * 24)) / (0.2 * 24)
            assert row["parts"]["overlong"] == pytest.approx(over, abs=1e-6)
            assert row["length"] == 24 or not row["cut"]
