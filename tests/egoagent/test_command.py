"""`firsthand egoagent train` on shards of the small world: killed in the middle of one, it goes on exactly."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState
from click.testing import Result
from safetensors.torch import load_file
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.files import read_json, read_jsonl

pytestmark = pytest.mark.e2e
RECIPES = Path(__file__).parents[2] / "recipes/egoagent"
SMALL = ["batch.images=6", "batch.clips=4", "keep.loggers=[]", "keep.checkpoint_every=3", "keep.log_every=1"]


def firsthand(*words: str) -> None:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """Two takes of images in one shard, and of clips in another."""
    out = tmp_path_factory.mktemp("rounds")
    firsthand("toy", "rounds", "--out", out, "--takes", "2", "--held-out", "1", "--steps", "12")
    firsthand("egoagent", "shards", out / "walking", "--out", out / "shards/images")
    firsthand("egoagent", "shards", out / "egoexo", "--out", out / "shards/train")
    return out


def command(world: Path, out: Path, *more: str) -> list[str]:
    shards = [f"data.images={world}/shards/images", f"data.clips={world}/shards/train"]
    recipe = [str(RECIPES / "tiny_stage2_300m.yaml"), f"output_dir={out}", "start=null", "schedule.steps=9"]
    return ["egoagent", "train", *recipe, *shards, *SMALL, *more]


@pytest.fixture
def run(monkeypatch) -> Callable[[list[str]], Result]:
    """In this process, which has imported torch already; only a run that is killed needs its own."""
    monkeypatch.chdir(RECIPES.parents[1])

    def runs(words: list[str]) -> Result:
        AcceleratorState._reset_state(True)
        return CliRunner().invoke(app, words)

    return runs


def test_killed_in_the_middle_of_a_shard_it_goes_on_exactly_with_other_workers(world, tmp_path, run) -> None:
    whole = run(command(world, tmp_path / "whole"))
    assert whole.exit_code == 0 and "ended (steps) after 9 steps" in whole.output, whole.output
    words = [str(Path(sys.executable).with_name("firsthand")), *command(world, tmp_path / "cut", "machine.workers=2")]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}  # as in this process: another number sums in another order
    child = subprocess.Popen(
        words, env=one_thread, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not (tmp_path / "cut/checkpoints/step_0000003").is_dir():
        assert child.poll() is None
        time.sleep(0.05)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    assert not (tmp_path / "cut/ended.json").exists(), "it was killed too late to prove anything"
    again = run(command(world, tmp_path / "cut"))
    assert again.exit_code == 0, again.output
    for name in ("student/model.safetensors", "teacher/model.safetensors", "centres.safetensors"):
        one, other = (load_file(tmp_path / out / name) for out in ("whole", "cut"))
        assert one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one), name
    rows = [list(read_jsonl(tmp_path / out / "metrics.jsonl")) for out in ("whole", "cut")]
    assert [row["loss"] for row in rows[0]] == [row["loss"] for row in rows[1]]
    assert read_json(tmp_path / "cut/run.json")["data"]["images"]["samples"] == 2 * 13


def test_a_loss_that_is_not_finite_ends_with_code_3(world, tmp_path, run) -> None:
    done = run(command(world, tmp_path / "bad", "schedule.learning_rate=1e30", "schedule.warmup=0"))
    assert done.exit_code == 3 and "is not finite" in done.stderr, done.output
    assert isinstance(done.exception, SystemExit), "an error for the user and no traceback"
    assert list((tmp_path / "bad/not_finite").glob("step_*"))
