"""EgoProactive, EgoConv and EgoLongQA: a question shows nothing of what comes later, and no gold answer."""

import copy
from pathlib import Path

from .benchmark_rows import SESSION

PROACTIVE = "egoproactive__wearable_ai_2026_egoproactive_val_700_dot_jsonl"


def test_egoproactive_never_shows_what_comes_after_a_moment(built, asked) -> None:
    """Everything later is poisoned: no question about an earlier moment may change by a letter."""
    _, clean = built("egoproactive", **{PROACTIVE: [SESSION]})
    assert [(id, one.answer, one.span) for id, one in clean.items()] == [
        ("1/0", "$silent$", [0.0, 8.0]),
        ("1/1", "$interrupt$ stir it", [0.0, 16.0]),
        ("1/2", "$silent$", [8.0, 24.0]),
    ]
    for j in range(2):
        poisoned = copy.deepcopy(SESSION)
        for later in range(j + 1, 3):
            poisoned["dialog"][later] = [{"role": "assistant", "text": "POISON"}]
            poisoned["answers"][later], poisoned["video_intervals"][later] = "$interrupt$ POISON", [90.0, 99.0]
        _, questions = built("egoproactive", **{PROACTIVE: [poisoned]})
        assert questions[f"1/{j}"] == clean[f"1/{j}"]
        assert "POISON" in asked("egoproactive"), "it is there, for later moments"


def test_egoproactive_does_not_show_its_own_answer(built, asked) -> None:
    row = SESSION | {"answers": ["$silent$", "$interrupt$ SECRET", "$silent$"]}
    built("egoproactive", **{PROACTIVE: [row]})
    assert "SECRET" not in asked("egoproactive")


def test_egoconv_shows_a_turn_nothing_of_later_ones_and_no_gold_answer(built, asked) -> None:
    row = {
        "video_path": "c.mp4",
        "duration_in_sec": 20.0,
        "video_intervals": [[0.0, 8.0], [9.0, 20.0]],
        "task": "recall",
        "questions": ["what is it ?", "and now ?"],
        "answers": ["GOLD one", "GOLD two"],
        "dialog": [
            {
                "role": "P0",
                "text": "what is it ?",
                "start_time": "00:08",
                "end_time": "00:09",
                "question_type": "Multimodal_relevant",
            },
            {"role": "Assistant", "text": "GOLD one", "start_time": "00:09", "end_time": "00:09"},
            {
                "role": "P0",
                "text": "and now ?",
                "start_time": "00:20",
                "end_time": "00:20",
                "question_type": "Unimodal_relevant",
            },
        ],
    }
    name = "egoconv__wearable_ai_2026_egoconv_val_700_dot_jsonl"
    _, questions = built("egoconv", **{name: [row]})
    first, second = questions["1/0"], questions["1/1"]
    assert (first.span, second.span) == ([0.0, 8.0], [0.0, 20.0])
    assert (first.labels["follows"], second.labels["follows"]) == (None, "1/0")
    assert second.labels["question_type"] == "Unimodal_relevant"
    assert "GOLD" not in asked("egoconv") and "and now" not in first.question


def test_egolongqa_reads_options_in_one_line(built, asked) -> None:
    row = {
        "video_path": "l.mp4",
        "question": "what did I cut?",
        "answer": "a leek, thinly",
        "mcq_answer": "C",
        "category": "recall",
        "mcq_options": "A. an egg B. a fish, e.g. a trout C. a leek D. bread",
    }
    _, questions = built("egolongqa", egolongqa__wearable_ai_2026_egolongqa_val_700_dot_jsonl=[row])
    assert questions["1"].options == {"A": "an egg", "B": "a fish, e.g. a trout", "C": "a leek", "D": "bread"}
    assert "thinly" not in asked("egolongqa")


def test_the_videos_of_the_release_are_found(built, tmp_path: Path) -> None:
    video = tmp_path / "src/egoproactive/val/s.mp4"
    video.parent.mkdir(parents=True)
    video.touch()
    made, questions = built("egoproactive", **{PROACTIVE: [SESSION]})
    assert (tmp_path / "datasets/egoproactive/media" / questions["1/0"].video_file).is_file()
    assert not any("media files are missing" in note for note in made.notes)
