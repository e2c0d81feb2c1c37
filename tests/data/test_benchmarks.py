"""Releases of benchmarks in the forms that their owners publish: what is asked, and what is never shown."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firsthand import files
from firsthand.data.build import published
from firsthand.data.build.catalogue import RELEASES

from .benchmark_rows import PLAN, TEXTVQA


def egotextvqa(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"dataset": "egotextqa", "split": "outdoor", "task_setting": "open-ended", "data": list(rows)}]


def test_egotextvqa_in_real_time_sees_nothing_from_the_moment_on(built) -> None:
    rows = [
        TEXTVQA | {"question_id": id, "timestamp": time}
        for id, time in ((8.1, 6.5), (8.2, 1.1), (8.3, 9.0), (9.0, 2.0))
    ]
    made, questions = built("egotextvqa_realtime", outdoor_total_dot_json=egotextvqa(*rows))
    assert {id: one.span for id, one in questions.items()} == {"12/8.1": [0.0, 6.5], "12/8.2": [0.0, 1.1]}
    assert made.left_aside == {"not of the real-time subset": 2}
    _, whole = built("egotextvqa_outdoor", outdoor_total_dot_json=egotextvqa(*rows))
    assert len(whole) == 4 and not any(one.span for one in whole.values())
    one = whole["12/9.0"]
    assert (one.answer, one.options, one.video_file, one.labels["question_type"]) == (
        "stop",
        {},
        "videos/12.mp4",
        "others",
    )


def test_what_is_missing_is_said_with_where_to_get_it(built) -> None:
    row = TEXTVQA | {"question_id": 9.0, "timestamp": 2.0}
    made, _ = built("egotextvqa_outdoor", outdoor_total_dot_json=egotextvqa(row))
    why = "of 1 media files are missing, the first is videos/12.mp4; they are RoadTextVQA's, as videos/<number>.mp4"
    assert made.notes[why] == 1
    [kept] = [text for text in made.notes if "(question_type: others)" in text]
    assert "191 are published; get the whole release: GitHub zhousheng97/EgoTextVQA" in kept and made.notes[kept] == 1
    assert any("(all), and 4848 are published" in text for text in made.notes)


def test_a_film_and_a_part_of_it_are_one_missing_file(tmp_path: Path) -> None:
    rows = [{"video_file": "videos/12.mp4", "span": span} for span in (None, [0.0, 2.0])]
    rows.append({"images": ["a.jpg", "here.jpg"], "video": ["b.jpg", "a.jpg"]})
    files.write_jsonl(tmp_path / "eval.jsonl", rows)
    (tmp_path / "here.jpg").touch()
    release = replace(RELEASES["egotextvqa_outdoor"], counts={})
    [(said, count)] = published.differences(release, tmp_path / "eval.jsonl", tmp_path).items()
    assert count == 3 and said.startswith("of 4 media files are missing, the first is a.jpg")


def test_egothink_is_named_by_task_and_place(built) -> None:
    row = {"image_path": ["1.jpg"], "question": "what?", "answer": "a cup", "source_dataset": "ego4d", "image_id": 3}
    _, questions = built(
        "egothink",
        data__Activity__annotations_dot_json=[row, row],
        data__Object__existence__annotations_dot_json=[row],
    )
    assert list(questions) == ["Activity/1", "Activity/2", "Object/existence/1"]
    assert questions["Object/existence/1"].images == ["data/Object/existence/images/1.jpg"]
    assert questions["Object/existence/1"].labels["task"] == "Object/existence"


def test_egoplan2_ends_with_the_current_frame_and_hides_the_progress(built, asked) -> None:
    _, questions = built("egoplan2", **{"EgoPlan-Bench2_dot_json": [PLAN]})
    one = questions["uid-1_2"]
    assert (one.video_file, one.span, one.answer) == ("videos/uid-1.mp4", [1.0, 3.0], "A")
    assert "bake bread" in one.question and "SECRET" not in asked("egoplan2")


@pytest.mark.parametrize(("name", "shown"), [("videomme", False), ("videomme_subtitles", True)])
def test_videomme_with_its_subtitles_or_without(built, tmp_path: Path, name: str, shown: bool) -> None:
    row = {
        "video_id": "1",
        "duration": "short",
        "domain": "K",
        "sub_category": "H",
        "url": "x",
        "videoID": "abc",
        "question_id": "1-1",
        "task_type": "T",
        "question": "what is it ?",
        "options": ["A. cup", "B. pan", "C. key", "D. egg"],
        "answer": "C",
    }
    (tmp_path / "src/videomme").mkdir(parents=True)
    pq.write_table(
        pa.Table.from_pylist([row, row | {"question_id": "2-1", "videoID": "def"}]),
        tmp_path / "src/videomme/test.parquet",
    )
    srt = "1\n00:00:01,000 --> 00:00:02,000\nhello there\n\n2\n00:00:03,000 --> 00:00:04,000\nyou\n"
    made, questions = built(name, subtitle__abc_dot_srt=srt)
    said = "These are the subtitles of the video.\nhello there\nyou\n\nwhat is it ?"
    assert questions["1-1"].question == (said if shown else "what is it ?")
    assert questions["2-1"].question == "what is it ?" and questions["1-1"].labels["duration"] == "short"
    assert made.notes["no file of subtitles: asked without"] == shown


def test_longvideobench(built) -> None:
    row = {
        "id": "v_0",
        "question": "which ?",
        "candidates": ["one. two", "three"],
        "correct_choice": 1,
        "video_path": "v.mp4",
        "subtitle_path": "v_en.json",
        "duration": 12.0,
        "starting_timestamp_for_subtitles": 0,
        "duration_group": 15,
        "question_category": "S2E",
    }
    lines = [{"start": "00:00:01", "end": "00:00:02", "line": "hello"}, {"timestamp": [2, 3], "text": "you"}]
    _, questions = built("longvideobench_subtitles", lvb_val_dot_json=[row], subtitles__v_en_dot_json=lines)
    one = questions["v_0"]
    assert (one.options, one.answer) == ({"A": "one. two", "B": "three"}, "B"), "a dot in an option does not split it"
    assert "hello\nyou\n\nwhich ?" in one.question and one.labels["duration_group"] == "15"


def test_egomemreason_goes_up_to_j_and_names_its_annotations(built, tmp_path: Path) -> None:
    row = {
        "example_id": 7,
        "p_id": "x",
        "identity": "A1_JAKE",
        "query_time": "DAY7, 19:00:00",
        "question": "how often?",
        "options": {letter: f"{n} times" for n, letter in enumerate("ABCDEFGHIJ")},
        "query_type": "Temporal Counting",
    }
    _, questions = built("egomemreason", annotations_public_dot_jsonl=[row])
    one = questions["7"]
    assert "".join(one.options) == "ABCDEFGHIJ" and one.answer is None
    assert (one.identity, one.query_time) == ("A1_JAKE", "DAY7_19000000")
    digest = hashlib.sha256((tmp_path / "src/annotations_public.jsonl").read_bytes()).hexdigest()
    assert one.labels["annotations"] == digest


def test_egoschema_full_keeps_the_questions_without_a_public_answer(built) -> None:
    rows = [
        {"q_uid": uid, "google_drive_id": "x", "question": "what ?"} | {f"option {n}": f"o{n}" for n in range(5)}
        for uid in "ab"
    ]
    _, questions = built("egoschema_full", questions_dot_json=rows, subset_answers_dot_json={"b": 4})
    assert {id: one.answer for id, one in questions.items()} == {"a": None, "b": "E"}


def test_qaego4d_open_asks_without_options(built, asked, tmp_path: Path) -> None:
    row = {
        "video_id": "c",
        "sample_id": "s_0",
        "question": "where is it?",
        "answer": "on the hob",
        "wrong_answers": ["x", "y", "z"],
        "moment_start_frame": 30,
        "moment_end_frame": 60,
    }
    files.write_json(tmp_path / "src/annotations.QaEgo4D_test.json", [row])
    _, questions = built("qaego4d_open")
    one = questions["s_0"]
    assert (one.options, one.answer, one.labels["evidence_seconds"]) == ({}, "on the hob", "1.00-2.00")
    assert "1.00-2.00" not in asked("qaego4d_open")


@pytest.mark.parametrize("answers", [False, True])
def test_egocross_open_hides_the_options(built, asked, tmp_path: Path, answers: bool) -> None:
    row = {
        "id": 1,
        "dataset": "CholecTrack20",
        "primary_category": "Counting",
        "question_type": "object counting",
        "question_text": "how many?",
        "options": ["A: ONE", "B: two", "C: three", "D: four"],
        "original_video_fps": 25.0,
        "video_path": ["/egocross_testbed/CholecTrack20/v/frame_00000.jpg"],
    }
    files.write_json(tmp_path / "src/egocross_testbed/egocross_testbed_imgs.json", [row])
    if answers:
        files.write_json(
            tmp_path / "src/egocross_testbed/egocross_testbed_answers.json", [{"id": 1, "answer_text": "one tool"}]
        )
    _, questions = built("egocross_open")
    assert questions["1"].answer == ("one tool" if answers else None)
    assert "ONE" not in asked("egocross_open")
