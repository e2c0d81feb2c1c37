"""Files of benchmarks that are broken: what is wrong is named, with its file and row."""

from pathlib import Path
from typing import Any

import pytest

from firsthand import files
from firsthand.errors import UserError

from .benchmark_rows import PLAN, SESSION, TEXTVQA

CONV = {
    "video_path": "c.mp4",
    "video_intervals": [[0, 8]],
    "task": "t",
    "questions": ["q"],
    "answers": ["a"],
    "dialog": [],
}
LONG = {
    "video_path": "l.mp4",
    "question": "q",
    "answer": "x",
    "mcq_answer": "C",
    "category": "c",
    "mcq_options": "A. a B. b C. c D. d",
}
MEM = {
    "example_id": 1,
    "identity": "A1_JAKE",
    "query_time": "DAY7, 19:00:00",
    "question": "q",
    "options": {"A": "a", "B": "b"},
    "query_type": "t",
}
LVB = {
    "id": "v",
    "question": "q",
    "candidates": ["a", "b"],
    "correct_choice": 1,
    "video_path": "v.mp4",
    "subtitle_path": "s.json",
    "duration_group": 15,
    "question_category": "c",
}
THINK = {"image_path": ["1.jpg"], "question": "what?", "answer": "a cup"}
WHERE = {
    "egotextvqa_outdoor": "outdoor_total.json",
    "egothink": "data/Activity/annotations.json",
    "egoplan2": "EgoPlan-Bench2.json",
    "longvideobench": "lvb_val.json",
    "egomemreason": "annotations_public.jsonl",
    "egolongqa": "wearable_ai_2026_egolongqa_val_700.jsonl",
    "egoproactive": "wearable_ai_2026_egoproactive_val_700.jsonl",
    "egoconv": "wearable_ai_2026_egoconv_val_700.jsonl",
}
TEXT_ROW = TEXTVQA | {"question_id": 9.0, "timestamp": 2.0}


def egotextvqa(*rows: Any) -> list[dict[str, Any]]:
    return [{"data": list(rows)}]


BROKEN = [
    ("egotextvqa_outdoor", [TEXT_ROW], "not a list of one object with the rows in `data`"),
    ("egotextvqa_outdoor", [{"data": {}}], "not a list of one object with the rows in `data`"),
    ("egotextvqa_outdoor", {"data": []}, "not a list of rows"),
    ("egotextvqa_outdoor", egotextvqa(), "its files hold no rows"),
    ("egotextvqa_outdoor", egotextvqa(TEXT_ROW | {"correct_answer": " "}), "row 1: the answer is empty"),
    ("egotextvqa_outdoor", egotextvqa(TEXT_ROW | {"question": None}), "row 1: .*look at: question"),
    ("egotextvqa_outdoor", egotextvqa({"video_id": 1}), "row 1: the key 'question_id' is missing"),
    ("egotextvqa_outdoor", egotextvqa("row"), "row 1: the row is not a JSON object but str"),
    ("egothink", [THINK | {"image_path": []}], "row 1: image_path names 0 pictures, not one"),
    ("egothink", [THINK | {"image_path": ["1.jpg", "2.jpg"]}], "row 1: image_path names 2 pictures, not one"),
    ("egothink", [{"question": "q", "answer": "a"}], "row 1: the key 'image_path' is missing"),
    ("egothink", [THINK | {"answer": ""}], "row 1: the answer is empty"),
    ("egothink", [], "its files hold no rows"),
    ("egoplan2", [PLAN | {"golden_choice_idx": "E"}], "row 1: answer 'E' is not among the options"),
    ("egoplan2", [PLAN | {"choice_c": " "}], "row 1: options without text: C"),
    ("egoplan2", [PLAN | {"current_observation_frame": 3}], "row 1: span .* is not the first and the last second"),
    ("egoplan2", [PLAN | {"task_start_frame": None}], "row 1: .*look at: task_start_frame"),
    ("longvideobench", [LVB | {"correct_choice": 2}], "row 1: answer 'C' is not among the options"),
    (
        "longvideobench",
        [LVB | {"candidates": ["a"], "correct_choice": 0}],
        "row 1: a question has no options or at least two",
    ),
    ("longvideobench", [{"id": "v"}], "row 1: the key 'question' is missing"),
    ("egomemreason", [MEM | {"query_time": "DAY7 19:00"}], "row 1: query_time 'DAY7 19:00' is not of the form"),
    ("egomemreason", [MEM | {"options": ["a", "b"]}], "row 1: a value is not of the release's form"),
    ("egomemreason", [MEM, MEM], "row 2: its id '1' is that of row 1"),
    ("egolongqa", [LONG | {"mcq_answer": "E"}], "row 1: answer 'E' is not among the options"),
    ("egolongqa", [LONG | {"mcq_options": "egg, fish"}], "row 1: no options in 'egg, fish'"),
    ("egoproactive", [SESSION | {"answers": ["$silent$"]}], "row 1: 3 intervals, 1 answers and 3 dialogues"),
    ("egoproactive", [SESSION | {"video_intervals": [], "answers": [], "dialog": []}], "row 1: it holds no question"),
    (
        "egoproactive",
        [SESSION | {"answers": ["silent", "$silent$", "$silent$"]}],
        r"row 1: answer 'silent' begins with neither",
    ),
    ("egoconv", [CONV | {"questions": []}], "row 1: 1 intervals, 0 questions and 1 answers"),
    ("egoconv", [CONV | {"video_intervals": []}], "row 1: 0 intervals, 1 questions and 1 answers"),
    ("egoconv", [CONV | {"video_intervals": [[8, 0]]}], "row 1: span .* is not the first and the last second"),
    ("egoconv", ["x"], "row 1: the row is not a JSON object but str"),
]


@pytest.mark.parametrize(("name", "content", "message"), BROKEN)
def test_broken_rows_are_named(built, tmp_path: Path, name: str, content: Any, message: str) -> None:
    path = tmp_path / "src" / WHERE[name]
    (files.write_jsonl if path.suffix == ".jsonl" else files.write_json)(path, content)
    with pytest.raises(UserError, match=message):
        made, _ = built(name)
        raise UserError("; ".join(made.examples))  # other rows of the file are whole


def test_a_folder_without_the_owners_file_says_where_it_comes_from(built, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    for name in WHERE:
        with pytest.raises(UserError, match=r"holds no .*which the rows for eval are made of.*(GitHub|Hugging Face)"):
            built(name)
