"""The loop is exact: what a step reads, what an applied step moves, and how a run goes on after it was killed."""

import math
import shutil
from pathlib import Path

import pytest
import torch

from firsthand.egoagent.training import checkpoints
from firsthand.egoagent.training.train import NotFinite
from firsthand.errors import UserError
from firsthand.files import read_json, read_jsonl

from .conftest import steps


def weights(trainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trainer.learner.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_step_moves_student_teacher_and_both_centres(train) -> None:
    trainer = train(to=0)
    before = weights(trainer)
    steps(trainer, 1)
    after = weights(trainer)
    momentum = 1 - (1 - 0.9) * 1.0  # the first step of the schedule
    for name in ("encoder.stem.0.weight", "action_head.mlp.2.bias"):
        student, teacher = after[f"student.{name}"], before[f"teacher.{name}"]
        assert not torch.equal(student, before[f"student.{name}"])
        assert torch.allclose(after[f"teacher.{name}"], momentum * teacher + (1 - momentum) * student, atol=1e-8)
    assert after["centres"].abs().amax(1).gt(0).all() and not torch.equal(*after["centres"])


def test_a_skipped_step_moves_nothing(train, monkeypatch) -> None:
    trainer = train(to=1)
    before = weights(trainer)
    monkeypatch.setattr(type(trainer.accelerator), "optimizer_step_was_skipped", property(lambda _: True))
    monkeypatch.setattr(trainer.optimizer, "step", lambda: None)
    [part] = [next(trainer.parts())]
    trainer.step([part])
    assert same(weights(trainer), before)
    assert (trainer.progress.step, trainer.progress.tried) == (1, 2), (
        "the next step reads the next batch, resumed or not"
    )


def test_every_parameter_of_the_student_gets_a_gradient_in_stage_2_and_the_teacher_none(train) -> None:
    trainer = train(to=0)
    trainer.optimizer.zero_grad = lambda: None
    steps(trainer, 1)
    without = {name for name, one in trainer.learner.named_parameters() if one.grad is None or not one.grad.any()}
    assert without and all(name.startswith("teacher.") for name in without)
    assert without == {name for name, _ in trainer.learner.named_parameters() if name.startswith("teacher.")}


def test_stage_1_trains_what_images_can_and_nothing_else(train) -> None:
    trainer = train("stage1", to=0)
    before = weights(trainer)
    steps(trainer, 1)
    still = {name for name, one in weights(trainer).items() if torch.equal(one, before[name])}
    student = {name for name in still if name.startswith("student.")}
    assert {name.split(".")[1] for name in student} == {
        "action_query", "pose_projector", "action_head", "pose_mean", "pose_scale"
    }  # fmt: skip


@pytest.mark.parametrize("stage", ["stage1", "stage2"])
def test_a_resumed_run_is_the_same_to_the_last_bit(train, stage: str) -> None:
    whole = weights(train(stage, out="whole"))
    cut = train(stage, out="cut", keep__checkpoint_every=3, to=0)
    steps(cut, 3)
    cut.save()
    steps(cut, 4)  # lost, as the run is killed here
    again = train(stage, out="cut", keep__checkpoint_every=3, machine__workers=2)
    assert again.progress.step == 8 and same(weights(again), whole)
    rows = [row["step"] for row in read_jsonl(again.out / "metrics.jsonl")]
    assert rows == list(range(1, 9)), "the row of the lost step is written once"


def test_two_micro_batches_are_two_halves_of_one(train) -> None:
    """Equal but for rounding: the mean over a batch is the mean of the means of its halves."""
    one = train(to=2, out="one", batch__images=8, batch__clips=4)
    two = train(to=2, out="two", batch__images=4, batch__clips=2, batch__micro_batches=2)
    for name, value in weights(one).items():
        if "k_proj.bias" not in name:  # its true gradient is 0, and Adam makes steps of rounding
            assert torch.allclose(value, weights(two)[name], atol=2e-5), name


def test_poses_weigh_more_in_the_late_part_of_the_steps_and_of_a_resumed_run(train) -> None:
    changes = {"schedule__steps": 6, "loss__act": 3, "loss__late_act": 30}
    train(to=4, **changes).save()
    whole = train(**changes)
    lines = read_jsonl(whole.out / "metrics.jsonl")
    others = {"rep": 2, "pred": 2, "confidence": 0.1}
    paid = [(one["loss"] - sum(by * one[name] for name, by in others.items())) / one["act"] for one in lines]
    assert paid == pytest.approx([3, 3, 3, 30, 30, 30], rel=1e-3)


def test_a_run_is_not_continued_with_other_settings(train) -> None:
    train(to=0)
    with pytest.raises(UserError, match=r"begun with other settings.*seed: was 0, is 1"):
        train(to=0, seed=1)
    with pytest.raises(UserError, match="begun with 1 micro-batches an update, and this would have 2"):
        train(to=0, batch__micro_batches=2)
    train(to=0, keep__log_every=2)


def test_a_loss_that_is_not_finite_stops_the_run_with_the_state_before_it(train, tmp_path: Path) -> None:
    trainer = train(to=2)
    before = weights(trainer)
    forward = trainer.learner.forward
    trainer.learner.forward = lambda *given: ((found := forward(*given))[0] * math.nan, found[1])
    with pytest.raises(NotFinite, match="step 3 is not finite"):
        steps(trainer, 3)
    assert same(weights(trainer), before)
    [saved] = checkpoints.listed(tmp_path / "run/not_finite")
    assert saved.name == "step_0000002"


def test_a_half_written_checkpoint_is_not_resumed(train, tmp_path: Path) -> None:
    trainer = train(to=2)
    trainer.save()
    [made] = checkpoints.listed(trainer.checkpoints)
    shutil.copytree(made, trainer.checkpoints / "writing")
    assert train(to=2).progress.step == 2
    assert checkpoints.listed(tmp_path / "run/checkpoints") == [made]


def test_stage_2_begins_with_student_teacher_and_centre_of_stage_1(train, tmp_path: Path) -> None:
    first = train("stage1", out="first")
    ended = weights(first)
    joint = weights(train(out="second", to=0, start=str(tmp_path / "first")))
    for name in ended:
        if "pose_" not in name and name != "centres":
            assert torch.equal(joint[name], ended[name]), name
    assert torch.equal(joint["centres"], ended["centres"][0].expand(2, -1)) and ended["centres"][0].any()
    with pytest.raises(UserError, match="other sizes"):
        train(out="third", to=0, start=str(tmp_path / "first"), model__hidden_size=96)


def test_stage_1_ends_on_the_signal_and_not_on_a_count(train, monkeypatch) -> None:
    assert train("stage1", out="flat", schedule__steps=2, schedule__rounds=3).ended == "plateau"
    monkeypatch.setattr("firsthand.egoagent.training.health.LEARNING_GAP", -1.0)
    left = train("stage1", out="left", schedule__steps=2, schedule__rounds=3)
    assert left.ended == "learning" and left.progress.step == 2
    assert read_json(left.out / "ended.json")["step"] == 2


def test_the_published_student_and_teacher_are_models(train) -> None:
    from transformers import AutoModel

    trainer = train(schedule__steps=2)
    for name in ("student", "teacher"):
        model = AutoModel.from_pretrained(trainer.out / name)
        wanted = getattr(trainer.learner, name).state_dict()
        assert same(dict(model.state_dict()), dict(wanted))
    assert read_json(trainer.out / "run.json")["data"] == {"images": 24, "clips": 10}


def test_bfloat16_and_checkpointing_run_and_checkpointing_changes_nothing(train) -> None:
    assert math.isfinite(float(train(out="bf16", to=2, machine__precision="bf16").learner.centres.sum()))
    plain, thrifty = train(out="a", to=2), train(out="b", to=2, machine__checkpointing=True)
    assert same(weights(plain), weights(thrifty))
