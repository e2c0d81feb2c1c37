"""A whole evaluation on a small world: a model that knows nothing, one that cheats, and what is missing."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.egoagent.data.batches import open_clips
from firsthand.egoagent.data.build_shards import build_clips
from firsthand.egoagent.data.pieces import Step
from firsthand.egoagent.evaluation import measure
from firsthand.egoagent.evaluation.clip_set import read_actions, read_clips
from firsthand.egoagent.evaluation.evaluate import evaluate
from firsthand.egoagent.evaluation.models import States, backbone, features_of, open_agent, pixels, states
from firsthand.egoagent.evaluation.results import Results, share
from firsthand.egoagent.evaluation.settings import Settings
from firsthand.egoagent.evaluation.world_truth import read_truth
from firsthand.egoagent.model.config import EgoAgentConfig
from firsthand.egoagent.model.model import EgoAgentModel
from firsthand.errors import UserError
from firsthand.toy.rounds.build import Size, build

SMALL = EgoAgentConfig(
    hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, head_hidden=16,
    head_bottleneck=16, prototypes=16,
)  # fmt: skip
SETTINGS = Settings(clips=6, few=12, bank=30, batch=4)


def nothing(*_) -> None:
    pass


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("evaluation") / "world"
    build(out, Size(takes=4, held_out=2, steps=16))
    for split in ("train", "val"):
        build_clips(out / "shards" / split, out / "egoexo", split, "automatic", Step(), None, nothing)
    return out


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("evaluation") / "run"
    torch.manual_seed(0)
    for name in ("student", "teacher"):
        EgoAgentModel(SMALL).save_pretrained(out / name)
    save_file({"centres": torch.stack([torch.zeros(16), torch.arange(16.0)])}, out / "centres.safetensors")
    return out


@pytest.fixture(scope="module")
def results(run, data, tmp_path_factory) -> Results:
    out = tmp_path_factory.mktemp("evaluation") / "out"
    made = evaluate(run, data, out, SETTINGS, nothing)
    assert Results.model_validate(json.loads((out / "results.json").read_text())) == made
    assert "oracle: knows the next room" in (out / "results.md").read_text()
    return made


READERS = ["reader of the guest's hand", "reader of the hand and of the last pose"]


def test_every_table_has_every_baseline(results) -> None:
    names = {table.title: [row.name for row in table.rows] for table in results.tables}
    states = ["predicted", "shuffled actions", "shuffled images", "copy current", "random init", "chance"]
    assert set(states) < set(names["next state, within the clip"]) & set(names["next state, over all clips"])
    motion = ["model", "model, shuffled images", "copy last", "constant velocity", "mean pose"]
    assert names["motion, teacher-forced"] == [*motion, *READERS]
    assert names["motion, autoregressive"] == ["model", "copy last", "constant velocity", "mean pose"]
    assert set(names["kNN of room, bank of 12"]) == {"teacher", "student", "pixels", "random init"}
    assert "kNN of room, bank of 30" in names


def test_things_that_are_never_held_in_so_small_a_bank_cannot_be_asked_for(results) -> None:
    assert list(results.left_out) == ["kNN of held"] and "cup, hammer" in results.left_out["kNN of held"]


def test_a_backbone_that_is_none_is_an_error_and_not_a_table_less(run, data, tmp_path) -> None:
    settings = replace(SETTINGS, backbone=str(tmp_path))
    with pytest.raises(UserError, match="not a vision model"):
        evaluate(run, data, tmp_path / "out", settings, nothing)


def test_labels_that_are_named_are_all_that_is_measured(run, data, tmp_path) -> None:
    without_clips = tmp_path / "data"
    without_clips.mkdir()
    (without_clips / "labels").symlink_to(data / "labels")
    made = evaluate(run, without_clips, tmp_path / "out", replace(SETTINGS, labels=["room"]), nothing)
    assert {table.title.split(",")[0] for table in made.tables} == {
        "kNN of room"
    } and "kNN of held" not in made.left_out
    with pytest.raises(UserError, match="no folder rooms; there is: held, room"):
        evaluate(run, without_clips, tmp_path / "out", replace(SETTINGS, labels=["rooms"]), nothing)


def test_chance_and_counts(results) -> None:
    within, everywhere = (results.table(f"next state, {where}") for where in ("within the clip", "over all clips"))
    assert within.rows[-1].value == 25 and everywhere.rows[-1].value == pytest.approx(100 / 24)
    assert within.n == "6 clips, 24 next frames, 2 takes"


def test_clips_do_not_overlap(data) -> None:
    test = read_clips(open_clips(str(data / "shards/val"), 4), 100)
    starts = {(fact["take_name"], fact["frame"]) for fact in test.facts}
    assert len(test.facts) == len(starts) == 2 * 4
    assert {frame for _, frame in starts} == {0, 20, 40, 60}


def test_truth_is_that_of_the_clips(data) -> None:
    test = read_clips(open_clips(str(data / "shards/val"), 4), 100)
    truth = read_truth(data / "truth", test.facts, 4)
    for clip, fact in enumerate(test.facts):
        take, at = json.loads((data / "truth" / f"{fact['take_name']}.json").read_text()), fact["frame"] // 5
        rooms = take["rooms"][at : at + 5]
        same = [[first == second for second in rooms] for first in rooms]
        assert (truth.rooms[clip, :, None] == truth.rooms[clip]).tolist() == same
        assert truth.announced[clip] == take["announced"][at : at + 4]


def test_who_predicts_what_is_observed_is_always_right(data) -> None:
    """And with the actions of another take, the same tables say that he is not."""
    test = read_clips(open_clips(str(data / "shards/val"), 4), 100)
    observed = torch.randn(8, 5, 12, generator=torch.Generator().manual_seed(0))
    knows = States(observed[:, 1:], observed, observed[:, 1:], observed, test.clips.poses)
    lost = States(observed[:, :-1], observed, observed[:, :-1], observed, test.clips.poses)
    within, everywhere = measure.retrieval(measure.Seen(knows, lost, lost, lost), test, None)
    for table in (within, everywhere):
        values = {row.name: row.value for row in table.rows}
        assert values["predicted"] == 100 and values["shuffled actions"] == values["copy current"] < 50


def test_who_knows_the_poses_makes_no_error(data) -> None:
    test = read_clips(open_clips(str(data / "shards/val"), 4), 100)
    train = read_actions(open_clips(str(data / "shards/train"), 4), 100)
    poses = test.clips.poses
    forced, _ = measure.motion_tables(poses, poses.roll(1, 0), poses, test, train, None)
    rows = {row.name: row for row in forced.rows}
    assert rows["model"].value == 0 and rows["model"].more["of the best trivial"] == 0
    trivial = [rows[name].value for name in ("copy last", "constant velocity", "mean pose")]
    assert min(trivial) > 3
    best = min(trivial)
    assert rows["copy last"].more["of the best trivial"] == pytest.approx(rows["copy last"].value / best)


def test_what_is_shuffled_comes_from_half_the_set_away(data) -> None:
    clips = read_clips(open_clips(str(data / "shards/val"), 4), 100).clips
    assert measure.others_actions(clips).poses[0].equal(clips.poses[4])
    assert measure.others_actions(clips).images is clips.images
    assert measure.others_images(clips).images[7].equal(clips.images[3])


def test_student_predicts_and_teacher_observes(run, data) -> None:
    agent = open_agent(run)
    assert agent.centre.tolist() == list(range(16))  # that of the frames of clips
    clips = read_clips(open_clips(str(data / "shards/val"), 4), 3).clips
    found = states(agent, clips, batch=2)
    with torch.no_grad():
        observed = agent.teacher.encode(clips.images[2])
        predicted = agent.student.predict(clips.images[2:, :-1], clips.poses[2:], clips.visible[2:])
        logits = agent.student.state_head(predicted.states) - agent.centre
    assert torch.allclose(found.observed[2], observed, atol=1e-5)
    assert torch.allclose(found.centred_predicted[2:], logits, atol=1e-5)
    assert torch.allclose(found.poses[2:], predicted.poses, atol=1e-5)


def test_what_is_not_there_is_not_measured_and_said(run, data, tmp_path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/room").symlink_to(data / "labels/room")
    made = evaluate(run, tmp_path, tmp_path / "out", SETTINGS, nothing)
    assert {table.title for table in made.tables} == {"kNN of room, bank of 12", "kNN of room, bank of 30"}
    assert "shards/val" in made.left_out["next state and motion"]
    with pytest.raises(UserError, match="nothing to measure"):
        evaluate(run, tmp_path / "out", tmp_path / "out2", SETTINGS, nothing)


def test_as_a_reader_types_it(run, data, tmp_path) -> None:
    words = ["--out", str(tmp_path / "out"), "--clips", "4", "--few", "6", "--bank", "12"]
    done = CliRunner().invoke(app, ["egoagent", "eval", str(run), str(data), *words])
    assert done.exit_code == 0, done.output
    assert "| oracle: knows the next room |" in done.output and "## Not measured" in done.output


def test_a_folder_without_a_run_is_said(tmp_path, data) -> None:
    with pytest.raises(UserError, match="no student/ in this folder"):
        evaluate(tmp_path, data, tmp_path / "out", SETTINGS, nothing)


def test_a_vision_model_of_transformers_is_a_baseline(tmp_path) -> None:
    from transformers import ViTConfig, ViTImageProcessor, ViTModel

    size = {"height": 32, "width": 32}
    ViTImageProcessor(size=size).save_pretrained(tmp_path)
    ViTModel(ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=32)
             ).save_pretrained(tmp_path)  # fmt: skip
    images = torch.randint(0, 255, (2, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    features = features_of(backbone(str(tmp_path)), images, torch.device("cpu"))
    assert features.shape == (2, 16) and not features[0].equal(features[1])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"--backbone .*empty: not a vision model"):
        backbone(str(tmp_path / "empty"))


def test_pixels_are_means_of_their_squares() -> None:
    image = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    image[0, 0, :2, :1] = 255
    assert pixels()(image)[0, 0] == pytest.approx(0.0)  # half of four pixels is white, less the middle grey


def test_an_interval_is_over_takes_and_not_over_frames() -> None:
    """One take all right, one all wrong: whatever the number of frames, anything between 0 and 100 may be."""
    row = share("x", [1.0] * 50 + [0.0] * 50, ["a"] * 50 + ["b"] * 50)
    assert row.value == 50 and row.interval == (0, 100)
