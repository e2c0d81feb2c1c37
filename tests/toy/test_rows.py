"""Rows of a built week: the frames are those of the clips at the moments asked about, nothing is shared between the
splits, and the imperfect teacher is as imperfect as asked for."""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from firsthand import clock, files
from firsthand.evals.rows import Gold, read_rows
from firsthand.llm.messages import Prompted as Asked
from firsthand.question import Question
from firsthand.rollout import prompt
from firsthand.toy import rows as toy_rows
from firsthand.toy.frames import FPS, SPAN
from firsthand.toy.rows import Written, build_rows
from firsthand.toy.week import video
from firsthand.toy.week.plan import Size

PARQUETS = {"train": "choice_grpo_train.parquet", "dev": "choice_grpo_dev.parquet"}


def build(week: Path, scene_share: float = 0.5, seed: int = 0) -> Written:
    return build_rows(week, scene_share, seed, lambda done, total: None)


@pytest.fixture(scope="module")
def rows(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    week = Path(shutil.copytree(built, tmp_path_factory.mktemp("rows") / "week"))
    build(week)
    return week


@pytest.fixture(scope="module")
def asked(rows: Path) -> dict[str, dict[str, Any]]:
    """The questions of the week by ID."""
    return {row["ID"]: row for path in (rows / "qa").glob("*.json") for row in files.read_json(path)}


def sft(week: Path) -> list[dict[str, Any]]:
    return files.read_json(week / "choice_sft.json")


def parquet(week: Path, split: str) -> list[dict[str, Any]]:
    return pq.read_table(week / PARQUETS[split]).to_pylist()


def held_out(week: Path) -> list[dict[str, Any]]:
    return list(files.read_jsonl(week / "choice_test.jsonl"))


def media(row: dict[str, Any]) -> list[str]:
    """Every path of a row of any of the three kinds."""
    if "id" in row:
        parts = [part for message in row["messages"] if message["role"] == "user" for part in message["content"]]
        shown = [part for part in parts if isinstance(part, dict)]
        return [path for part in shown for path in (part.get("video") or [part.get("image")]) if path]
    videos = [item["video"] if isinstance(item, dict) else item for item in row["videos"]]
    return [*row["images"], *(path for frames in videos for path in frames)]


def every_row(week: Path) -> list[dict[str, Any]]:
    return [*sft(week), *parquet(week, "train"), *parquet(week, "dev"), *held_out(week)]


def original(row_id: str) -> tuple[str, str]:
    name, _, medium = row_id.rpartition("_")
    return name, medium


def ids(week: Path, split: str) -> list[str]:
    return [row["id"] for row in held_out(week)] if split == "test" else [
        row["extra_info"]["id"] for row in parquet(week, split)
    ]  # fmt: skip


def test_every_path_is_a_frame_of_the_week(rows: Path) -> None:
    paths = {path for row in every_row(rows) for path in media(row)}
    assert paths and all(not Path(path).is_absolute() and ".." not in path for path in paths)
    for path in paths:
        with Image.open(rows / path) as image:
            assert (image.size, image.mode, image.format) == ((128, 96), "RGB", "JPEG")


def test_frames_are_those_of_the_clip_at_the_moment(rows: Path, asked) -> None:
    compared = 0
    for row in held_out(rows):
        name, medium = original(row["id"])
        if "clip" not in asked[name]:
            assert media(row) == []
            continue
        offsets = SPAN if medium == "video" else (0.0,)
        wanted = [min(max(round((asked[name]["moment"] + offset) * 20), 0), 599) for offset in offsets]
        pixels = np.stack(list(video.decode(rows / asked[name]["clip"]))).astype(np.int16)
        assert len(media(row)) == len(wanted)
        for path, number in zip(media(row), wanted, strict=True):
            assert path == f"frames/{Path(asked[name]['clip']).stem}_{number:03d}.jpg"
            stored = np.asarray(Image.open(rows / path)).astype(np.int16)
            error = {n: np.abs(stored - pixels[n]).mean() for n in [number, *range(0, 600, 7)]}
            assert error[number] == min(error.values()) < 6  # what JPEG costs; idle hands make some frames equal
            compared += max(error.values()) > 2 * error[number]
    assert compared > 3


def test_no_frame_lies_after_the_query_time(rows: Path) -> None:
    seen = [(row["query_time"], media(row)) for row in held_out(rows)]
    seen += [(row["extra_info"]["query_time"], media(row)) for split in PARQUETS for row in parquet(rows, split)]
    assert any(paths for _, paths in seen)
    for query_time, paths in seen:
        for path in paths:
            day, *_, start, number = Path(path).stem.split("_")
            assert clock.parse(f"{day}_{start}") + int(number) / clock.FPS <= clock.parse(query_time)


def test_each_question_is_asked_once_and_in_its_split(rows: Path, asked) -> None:
    splits = files.read_json(rows / "splits.json")
    for split in ("train", "dev", "test"):
        wanted = {name for name in splits[split]["questions"] if asked[name]["answerable_from"] != "memory"}
        found = [original(row_id)[0] for row_id in ids(rows, split)]
        assert sorted(found) == sorted(wanted) and found
        kinds = Counter(original(row_id)[1] for row_id in ids(rows, split))
        assert abs(kinds["image"] - kinds["video"]) <= 1
    assert len(sft(rows)) == 2 * len(ids(rows, "train"))


def test_the_splits_share_no_question_and_no_frame(rows: Path) -> None:
    of_split = {
        "train": [*sft(rows), *parquet(rows, "train")], "dev": parquet(rows, "dev"), "test": held_out(rows),
    }  # fmt: skip
    clips = {
        split: {Path(path).stem.rpartition("_")[0] for row in own for path in media(row)}
        for split, own in of_split.items()
    }
    for one, other in (("train", "dev"), ("train", "test"), ("dev", "test")):
        assert clips[one] and clips[other] and clips[one].isdisjoint(clips[other])
        assert set(ids(rows, one)).isdisjoint(ids(rows, other))


def test_rows_are_what_the_frameworks_take(rows: Path) -> None:
    for row in sft(rows):
        text = "".join(message["content"] for message in row["messages"])
        assert (text.count("<image>"), text.count("<video>")) == (len(row["images"]), len(row["videos"]))
        assert [message["role"] for message in row["messages"]] == ["system", "user", "assistant"]
    for split, name in PARQUETS.items():
        schema = str(pq.read_schema(rows / name))
        assert "binary" not in schema and "list<element: string>" in schema
        found = parquet(rows, split)
        assert [row["extra_info"]["index"] for row in found] == list(range(len(found)))
        for row in found:
            assert row["extra_info"]["split"] == split
            assert row["reward_model"]["ground_truth"] in row["extra_info"]["letters"]
            assert all((item["sample_fps"], item["raw_fps"]) == (FPS, FPS) for item in row["videos"])
    questions, gold = (read_rows(rows / "choice_test.jsonl", model) for model in (Asked, Gold))
    assert questions.keys() == gold.keys()


def test_the_right_letter_is_the_answer_of_the_week(rows: Path, asked) -> None:
    for row in held_out(rows):
        source = asked[original(row["id"])[0]]
        assert row["answer"] == source["answer"]
        assert row["options"][row["answer"]] == str(source[f"choice_{source['answer'].lower()}"])


def traces(week: Path, asked: dict[str, dict[str, Any]], label: str) -> list[tuple[str, str, dict[str, Any]]]:
    """(thought, letter, question) of the SFT rows with this label, found again by their text."""
    by_text = {}
    for row in asked.values():
        options = {letter: str(row[f"choice_{letter.lower()}"]) for letter in "ABCD"}
        content = prompt.messages(Question(
            id="", question=row["question"], options=options, answer=row["answer"], data_source="", split="train"
        ))[1]["content"]  # fmt: skip
        by_text.setdefault((content, row.get("clip"), row.get("moment")), row)
    found = []
    for row in sft(week):
        text = row["messages"][1]["content"].replace("<image>", "").replace("<video>", "")
        matching = [
            question for (words, clip, _), question in by_text.items()
            if words == text and (clip is None or any(Path(clip).stem in path for path in media(row)))
        ]  # fmt: skip
        if matching[0]["answerable_from"] == label:
            thought, _, rest = row["messages"][2]["content"].removeprefix("<think>").partition("</think>\n<answer>")
            found.append((thought, rest.removesuffix("</answer>"), matching[0]))
    return found


@pytest.mark.parametrize("share", [0.0, 0.65, 1.0])
def test_the_teacher_looks_at_the_scene_as_often_as_asked(in_memory, tmp_path, monkeypatch, share: float) -> None:
    whole = in_memory(Size())  # more questions than the built week has; the pictures do not matter here
    monkeypatch.setattr(toy_rows.folder, "load", lambda week: whole)
    monkeypatch.setattr(toy_rows, "stored", lambda week, clip, numbers: [f"frames/{Path(clip).stem}_000.jpg"])
    build(tmp_path, scene_share=share)
    asked = {row["ID"]: row for row in whole.all_questions()}
    looked = traces(tmp_path, asked, "interaction")
    scene = [trace for trace in looked if trace[0].startswith("the table has")]
    assert len(looked) == 40 and abs(len(scene) / len(looked) - share) < (0.2 if 0 < share < 1 else 1e-9)
    for thought, letter, question in looked:
        thing = question[f"choice_{letter.lower()}"]
        table, hand = f"the table has the {thing} . {thing} {letter}", f"hand has the {thing} . {thing} {letter}"
        right = letter == question["answer"]
        assert thought.endswith(hand) if right else thought == table
    for label in ("prior", "scene"):
        other = traces(tmp_path, asked, label)
        assert len(other) == 40 and all(letter == question["answer"] for _, letter, question in other)


def test_equal_seeds_give_equal_rows_and_frames_are_reused(rows: Path, week: Path) -> None:
    made = build(week)
    names = ["choice_sft.json", "choice_test.jsonl", *PARQUETS.values()]
    assert all((week / name).read_bytes() == (rows / name).read_bytes() for name in names)
    before = {path: path.stat().st_mtime_ns for path in (week / "frames").iterdir()}
    assert build(week, seed=1).counts == made.counts
    assert (week / "choice_sft.json").read_bytes() != (rows / "choice_sft.json").read_bytes()
    assert {path: path.stat().st_mtime_ns for path in (week / "frames").iterdir()} == before


def test_what_is_left_aside_is_counted(week: Path, asked) -> None:
    made = build(week)
    memory = sum(row["answerable_from"] == "memory" for row in asked.values())
    assert memory and made.left_aside == {"memory questions (they need tools)": memory}
    assert made.counts["test"] + made.counts["grpo_train"] + made.counts["grpo_dev"] + memory == len(asked)
