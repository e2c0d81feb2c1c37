"""EgoTextVQA and EgoThink as their owners publish them, from the folder in FIRSTHAND_REAL_FILES. No row is copied."""

import os
from collections import Counter
from pathlib import Path

import pytest

from firsthand import files
from firsthand.data.build.build import Options, build
from firsthand.data.build.catalogue import release
from firsthand.data.build.releases.egotextvqa import INDOOR, OUTDOOR
from firsthand.data.build.releases.egothink import TASKS
from firsthand.question import Question

REAL = os.environ.get("FIRSTHAND_REAL_FILES", "")
pytestmark = pytest.mark.skipif(not REAL, reason="FIRSTHAND_REAL_FILES is not set: nothing is checked on real files")


def questions(name: str, folder: str, out: Path) -> list[Question]:
    """All of the release; the only thing that may be said is that its media are not there."""
    built = build(release(name), Path(REAL) / folder, out, ("eval",), Options(), lambda *_: None)["eval"]
    assert not built.dropped and all("media files are missing" in note for note in built.notes)
    return [Question.from_eval(row) for row in files.read_jsonl(out / "eval.jsonl")]


@pytest.mark.parametrize(("name", "kinds", "videos"), [("indoor", INDOOR, 813), ("outdoor", OUTDOOR, 694)])
def test_the_7064_questions_of_egotextvqa(tmp_path: Path, name: str, kinds: dict[str, int], videos: int) -> None:
    rows = questions(f"egotextvqa_{name}", "egotextvqa", tmp_path)
    [content] = files.read_json(Path(REAL) / f"egotextvqa/{name}_total.json")
    assert Counter(row.labels["question_type"] for row in rows) == kinds
    assert len({row.video_file for row in rows}) == videos
    assert [(row.question, row.answer) for row in rows] == [
        (one["question"].strip(), one["correct_answer"].strip()) for one in content["data"]
    ]


def test_the_623_questions_in_real_time_are_about_248_videos(tmp_path: Path) -> None:
    rows = questions("egotextvqa_realtime", "egotextvqa", tmp_path)
    assert (len(rows), len({row.video_file for row in rows})) == (623, 248)
    assert all(row.span == [0.0, float(row.labels["asked_at"])] for row in rows)


def test_the_700_questions_of_egothink(tmp_path: Path) -> None:
    rows = questions("egothink", "egothink", tmp_path)
    assert Counter(row.labels["task"] for row in rows) == TASKS
    assert all(len(row.images) == 1 and row.answer and not row.options for row in rows)


def test_the_957_questions_of_egocross_without_options(tmp_path: Path) -> None:
    built = build(release("egocross_open"), Path(REAL) / "egocross", tmp_path, ("eval",), Options(), lambda *_: None)
    assert built["eval"].rows == {"eval.jsonl": 957} and not built["eval"].dropped
    assert not any(row["letters"] for row in files.read_jsonl(tmp_path / "eval.jsonl"))


def test_the_one_public_row_of_egoplan2(tmp_path: Path) -> None:
    [row] = files.read_json(Path(REAL) / "egoplan2/example_row.json")
    files.write_json(tmp_path / "src/EgoPlan-Bench2.json", [row])
    build(release("egoplan2"), tmp_path / "src", tmp_path / "out", ("eval",), Options(), lambda *_: None)
    [one] = [Question.from_eval(row) for row in files.read_jsonl(tmp_path / "out/eval.jsonl")]
    assert one.options[one.answer] == row["answer"]
    assert one.span == [row["task_start_frame"] / 30, (row["current_observation_frame"] + 1) / 30]
