"""Both stages and the evaluation through the real commands, 20 + 20 steps on a small world. Whether it learns is not
asked: so short a run is still on the plateau."""

import math
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.egoagent.evaluation.results import Results
from firsthand.files import read_json, read_jsonl

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
SMALL = ["batch.images=8", "batch.clips=4", "schedule.steps=20", "schedule.rounds=1", "keep.checkpoint_every=10"]
MODELS = ("student", "teacher")


def firsthand(*words: str | Path) -> None:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output


def train(stage: str, world: Path, *settings: str) -> None:
    data = [f"data.images={world}/shards/images", f"data.clips={world}/shards/train"]
    recipe = ROOT / f"recipes/egoagent/tiny_{stage}_300m.yaml"
    firsthand("egoagent", "train", recipe, *data, *SMALL, "keep.loggers=[]", *settings)


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("smoke")
    world, threads = out / "world", torch.get_num_threads()
    torch.set_num_threads(1)  # as each test here: another number sums in another order
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)  # recipes name their model from here
        firsthand("toy", "rounds", "--out", world, "--takes", "4", "--held-out", "2", "--steps", "24")
        firsthand("egoagent", "shards", world / "walking", "--out", world / "shards/images")
        firsthand("egoagent", "shards", world / "egoexo", "--out", world / "shards/train")
        firsthand("egoagent", "shards", world / "egoexo", "--split", "val", "--out", world / "shards/val")
        train("stage1", world, f"output_dir={out}/stage1")
        train("stage2", world, f"output_dir={out}/stage2", f"start={out}/stage1")
    torch.set_num_threads(threads)
    return out


@pytest.mark.parametrize("stage", ["stage1", "stage2"])
def test_losses_are_finite_and_entropies_are_possible(runs: Path, stage: str) -> None:
    rows = list(read_jsonl(runs / stage / "metrics.jsonl"))
    assert rows[-1]["step"] == 20 and all(math.isfinite(row["loss"]) for row in rows)
    assert all(0 <= row["entropy"] <= row["marginal_entropy"] + 1e-4 <= math.log(64) + 2e-4 for row in rows)


def test_the_teacher_moved_in_stage_2_and_is_not_the_student(runs: Path) -> None:
    before, after = (load_file(runs / stage / "teacher/model.safetensors") for stage in ("stage1", "stage2"))
    student = load_file(runs / "stage2/student/model.safetensors")
    name = "encoder.stem.0.weight"
    assert not torch.equal(before[name], after[name]) and not torch.equal(after[name], student[name])


def test_a_run_that_goes_on_from_its_middle_ends_the_same(runs: Path, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    whole, kept = runs / "stage2", runs / "whole"
    shutil.move(whole, kept)
    shutil.copytree(kept, whole, ignore=shutil.ignore_patterns(*MODELS, "step_0000020", "ended.json", "*.safetensors"))
    shutil.copytree(kept / "checkpoints/step_0000010", whole / "checkpoints/step_0000010", dirs_exist_ok=True)
    train("stage2", runs / "world", f"output_dir={whole}", f"start={runs}/stage1")
    for name in (*(f"{model}/model.safetensors" for model in MODELS), "centres.safetensors"):
        one, other = (load_file(run / name) for run in (kept, whole))
        assert one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one), name


def test_the_evaluation_measures_everything(runs: Path) -> None:
    out = runs / "eval"
    firsthand("egoagent", "eval", runs / "stage2", runs / "world", "--out", out, "--few", "24")
    results = Results.model_validate(read_json(out / "results.json"))
    titles = {table.title for table in results.tables}
    assert {"next state, within the clip", "motion, teacher-forced", "motion, autoregressive"} <= titles
    assert {"kNN of room, bank of 24", f"kNN of room, bank of {4 * 25}"} <= titles
    assert all(math.isfinite(row.value) for table in results.tables for row in table.rows)


def test_clips_of_twenty_steps_are_trained_on_and_measured(runs: Path, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    long, out = runs / "long", runs / "eval_long"
    few = ["data.clip_steps=20", "schedule.steps=3", "batch.images=2", "batch.clips=2", "keep.log_every=1"]
    train("stage2", runs / "world", f"output_dir={long}", f"start={runs}/stage1", *few)
    rows = list(read_jsonl(long / "metrics.jsonl"))
    assert [row["step"] for row in rows] == [1, 2, 3] and all(math.isfinite(row["pred"]) for row in rows)
    firsthand("egoagent", "eval", long, runs / "world", "--out", out, "--steps", "20", "--few", "24", "--bank", "24")
    table = Results.model_validate(read_json(out / "results.json")).table("next state, within the clip")
    assert table is not None and table.n == "2 clips, 40 next frames, 2 takes"
