"""`toy check` passes a built week and names what is wrong with a spoilt one."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.toy.week.check import check
from firsthand.toy.week.check_memory import check_memory
from firsthand.toy.week.check_questions import check_questions
from firsthand.toy.week.check_splits import check_splits
from firsthand.toy.week.check_videos import check_files, check_pixels
from firsthand.toy.week.folder import load

QA, CAPTIONS = "qa/EgoLifeQA_A2_ALICE.json", "memory/egolife/A1_JAKE/A1_JAKE_30s.json"


def edit(path: Path, change: Callable) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def question(week: Path, label: str) -> int:
    """The place of the first question with this label in Alice's file."""
    rows = json.loads((week / QA).read_text())
    return next(number for number, row in enumerate(rows) if row["answerable_from"] == label)


def failed(proof: Callable, week: Path) -> list[tuple[str, str, str]]:
    return [(finding.rule, finding.key, finding.message) for finding in proof(load(week)).failed]


def test_a_built_week_passes_in_full(built):
    found = check(built, all_clips=True)
    assert found.failed == []
    clips = len(load(built).all_clips())
    assert found.looked_at["files"] == found.looked_at["pixels"] == found.looked_at["captions"] == clips
    assert all(found.looked_at[f"label {label}"] for label in ("prior", "scene", "interaction", "memory"))
    assert found.looked_at["answers in pixels"] > 8


def test_the_command_exits_with_the_failing_ids(week):
    clip = load(week).all_clips()[1]
    path = week / clip.video
    path.write_bytes(path.read_bytes()[:-2000])
    edit(week / QA, lambda rows: rows[1].update(ID=rows[0]["ID"]))
    result = CliRunner().invoke(app, ["toy", "check", str(week)])
    assert result.exit_code == 1
    text = " ".join(result.output.split())
    assert f"{clip.video}: no decoder opens it" in text
    assert "A2_ALICE_0001: the ID is used 2 times" in text
    assert "error files: " in text and "fix: remove the files that are wrong" in text and "ok boxes: " in text


def test_a_folder_that_is_no_week_is_one_clear_error(tmp_path):
    result = CliRunner().invoke(app, ["toy", "check", str(tmp_path)])
    assert result.exit_code == 1 and "not a toy week" in result.output


@pytest.mark.parametrize("name", ["truth/A1_JAKE.json", QA, CAPTIONS, "splits.json"])
def test_a_missing_or_broken_file_is_named(week, name):
    (week / name).write_text("{")
    result = CliRunner().invoke(app, ["toy", "check", str(week)])
    assert result.exit_code == 1 and Path(name).name in result.output.replace("\n", "")


def test_a_truth_row_without_a_room_is_named_by_number(week):
    edit(week / "truth/A1_JAKE.json", lambda rows: rows[2].pop("room"))
    result = CliRunner().invoke(app, ["toy", "check", str(week)])
    assert result.exit_code == 1 and "clip 3" in " ".join(result.output.split())


def test_a_missing_video_and_one_too_many(week):
    first, second = load(week).all_clips()[:2]
    extra = week / first.video.replace(first.video[-12:], "23000000.mp4")
    (week / first.video).rename(extra)
    (week / f"pose/{second.path}.npz").unlink()
    found = failed(check_files, week)
    assert {name for _, name, _ in found} == {first.video, str(extra.relative_to(week)), second.video}


@pytest.mark.parametrize("array", ["thing", "verb", "left", "interaction"])
def test_boxes_that_truth_does_not_know(week, array):
    clip = load(week).all_clips()[0]
    path = week / f"boxes/{clip.path}.npz"
    with np.load(path) as arrays:
        content = dict(arrays)
    content[array] = np.roll(content[array], 3, axis=0) if array in ("thing", "verb") else content[array] - 40
    np.savez(path, **content)
    assert {(kind, name) for kind, name, _ in failed(check_files, week)} == {("boxes", clip.video)}


def test_boxes_that_miss_the_pixels(week):
    """Boxes and pose moved together agree with each other; only the pixels tell."""
    clip = load(week).all_clips()[0]
    for folder, moved in (("boxes", ("left", "right")), ("pose", ("joints",))):
        path = week / f"{folder}/{clip.path}.npz"
        with np.load(path) as arrays:
            content = dict(arrays)
        for name in moved:
            content[name] = content[name] - (np.float32([0, 30, 0]) if folder == "pose" else np.int16([0, 30, 0, 30]))
        np.savez(path, **content)
    assert failed(check_files, week) == []
    messages = [finding.message for finding in check_pixels(week, clip, []).failed]
    assert any("skin" in message for message in messages)


def test_a_video_that_shows_something_else(week):
    one, other = next(
        (a, b)
        for a in load(week).all_clips()
        for b in load(week).all_clips()
        if a.room != b.room and a.table != b.table
    )
    shutil.copy(week / other.video, week / one.video)
    messages = [finding.message for finding in check_pixels(week, one, []).failed]
    assert any(message.startswith(f"shows the {other.room}") for message in messages)
    assert failed(check_files, week) == []


def _reword(record: dict) -> None:
    record["generated_text"] = record["generated_text"].replace("i pick up the", "i pick up the big", 1)


def _move_room(record: dict) -> None:
    rooms = {"kitchen": "garage"}
    word = record["generated_text"].split()[4]
    record["generated_text"] = record["generated_text"].replace(word, rooms.get(word, "kitchen"))


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: _move_room(rows[0]),
        lambda rows: rows[0].update(generated_text=rows[0]["generated_text"] + " i am good ."),
        lambda rows: rows[0].update(generated_text=" ".join(rows[0]["generated_text"].split()[:-14])),
        lambda rows: rows[0].update(end_time=rows[0]["end_time"] + 1),
        lambda rows: rows[0].pop("generated_text"),
        lambda rows: rows.pop(0),
    ],
    ids=["other room", "invented sentence", "forgotten sentence", "other time", "no text", "no record"],
)
def test_an_edited_caption(week, change):
    edit(week / CAPTIONS, change)
    assert "captions" in {kind for kind, _, _ in failed(check_memory, week)}


@pytest.mark.parametrize(
    ("level", "change", "message"),
    [
        ("10min", lambda rows: rows[0].update(end_time=rows[1]["end_time"]), "gap"),
        ("1hour", lambda rows: rows[0].update(generated_text="i put down the moon with my left hand ."), "level below"),
        ("1day", lambda rows: rows[0].update(start_time=rows[0]["start_time"] - 10000), "not its parts' time"),
        ("10min", lambda rows: rows.pop(), "in its summaries"),
    ],
)
def test_an_edited_summary(week, level, change, message):
    edit(week / f"memory/egolife/A1_JAKE/A1_JAKE_{level}.json", change)
    assert any(kind == "summaries" and message in text for kind, _, text in failed(check_memory, week))


OTHER = {"A": "B", "B": "C", "C": "D", "D": "A"}


@pytest.mark.parametrize("label", ["prior", "scene", "interaction", "memory"])
@pytest.mark.parametrize("spoil", ["answer", "label", "time"])
def test_a_spoilt_question(week, label, spoil):
    number = question(week, label)

    def change(rows: list[dict]) -> None:
        row = rows[number]
        if spoil == "answer":
            row["answer"] = OTHER[row["answer"]]
        elif spoil == "label":
            row["answerable_from"] = {"prior": "memory", "scene": "interaction"}.get(label, "scene")
        else:
            row["query_time"] = {"date": "DAY9", "time": "11000000"}

    edit(week / QA, change)
    names = {name for kind, name, _ in failed(check_questions, week)}
    assert names == {json.loads((week / QA).read_text())[number]["ID"]}


def test_a_memory_question_whose_distractor_is_not_the_future(week):
    number = question(week, "memory")
    edit(week / QA, lambda rows: rows[number].update(distractor=rows[number]["answer"]))
    assert any("no distractor" in message for _, _, message in failed(check_questions, week))


def test_an_interaction_question_with_an_option_that_is_not_there(week):
    number = question(week, "interaction")

    def change(rows: list[dict]) -> None:
        row = rows[number]
        row[f"choice_{OTHER[row['answer']].lower()}"] = "moon"

    edit(week / QA, change)
    assert any("not on the table" in message for _, _, message in failed(check_questions, week))


def test_a_question_without_a_key(week):
    edit(week / QA, lambda rows: rows[0].pop("choice_c"))
    assert any("choice_c" in message for _, _, message in failed(check_questions, week))


def _take_first(key: str) -> Callable:
    def change(splits: dict) -> None:
        splits["test"][key].append(splits["train"][key][0])

    return change


@pytest.mark.parametrize(
    "change",
    [
        _take_first("clips"),
        _take_first("questions"),
        lambda splits: splits["train"]["clips"].pop(),
        lambda splits: splits["dev"]["questions"].append("nobody"),
        lambda splits: splits["test"]["blocks"].append({"identity": "A1_JAKE", "days": [1]}),
    ],
    ids=["clip twice", "question twice", "clip in none", "unknown question", "person twice"],
)
def test_spoilt_splits(week, change):
    edit(week / "splits.json", change)
    assert {kind for kind, _, _ in failed(check_splits, week)} == {"splits"}


def test_equal_videos_in_two_splits(week):
    clips = load(week).clips
    shutil.copy(week / clips["A1_JAKE"][0].video, week / clips["A2_ALICE"][0].video)
    assert [message for _, _, message in failed(check_splits, week) if "the same in train and test" in message]


def test_one_fact_asked_in_two_splits(week):
    """A question of test that rests on what train recorded."""
    number, fact = question(week, "memory"), load(week).clips["A1_JAKE"][0].start
    from firsthand import clock

    def change(rows: list[dict]) -> None:
        rows[number].update(identity="A1_JAKE", target_time=clock.to_question(fact))

    edit(week / QA, change)
    assert any("its evidence is of train" in message for _, _, message in failed(check_splits, week))
