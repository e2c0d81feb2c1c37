"""What answers earn by type of problem: strict, and as Video-R1 and Open-R1-Video published it. Reckoned by hand."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from firsthand.reward_fns.parts import Sample
from firsthand.reward_fns.texts import free_form_released
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]


def loaded(name: str) -> Any:
    """By path, as veRL does it."""
    spec = importlib.util.spec_from_file_location(f"by_path_{name}", ROOT / f"reward_fns/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


VIDEO_R1, OPEN_R1, BY_TYPE = map(loaded, ("video_r1", "open_r1_video", "by_type"))


def parts_of(module: Any, kind: str, gold: str, text: str, **options: Any) -> dict[str, float]:
    letters = "ABCD" if kind == "multiple choice" else ""
    return module.compute_score("x", text, gold, {"problem_type": kind, "letters": letters}, **options)


def accuracy(module: Any, kind: str, gold: str, answer: str, preset: str) -> float:
    text = f"<think>Hm.</think>\n<answer>{answer}</answer>"
    return parts_of(module, kind, gold, text, preset=preset)["accuracy"]


@pytest.mark.parametrize(("kind", "gold", "answer", "strict", "released"), [
    ("multiple choice", "B", "B", 1, 1),
    ("multiple choice", "B", "(B)", 1, 0),  # published: strings are compared
    ("multiple choice", "B", "b", 1, 0),
    ("multiple choice", "B", "C", 0, 0),
    ("multiple choice", "B", "A or B", 0, 0),
    ("numerical", "42", "42", 1, 1),
    ("numerical", "42", "42.0", 1, 0),  # published: a decimal mark on one side only
    ("numerical", "3.14", "3.141", 1, 1),
    ("numerical", "3.14", "3.146", 0, 0),  # 3.15
    ("numerical", "3.14", "3,14", 0, 0),  # strict: no number; published: 314
    ("numerical", "314.0", "3,14", 0, 1),
    ("numerical", "1234", "1,234", 1, 0),
    ("numerical", "1,234", "1,234", 1, 1),
    ("numerical", "12.5", "1,25", 0, 0),
    ("numerical", "0.5", "1/2", 1, 0),
    ("numerical", "25%", "25", 1, 0),  # published: 25% is no number, and can never be earned
    ("numerical", "7:30", "7:30", 1, 0),
    ("numerical", "0.004", "0.001", 0, 1),  # published: both are 0.00
    ("numerical", "5", "5 or 6", 0, 0),
    ("numerical", "5", "", 0, 0),
    ("numerical", "-7", "−7", 1, 0),
    ("OCR", "EXIT 4", "EXIT 4", 1, 1),
    ("OCR", "EXIT 4", "EXIT", 0.5, 0.5),  # one of two words is missing
    ("OCR", "EXIT 4", "exit 4", 0.5, 0.5),
    ("OCR", "EXIT 4", "the EXIT sign 4 is here", 0, 0),  # four words too many
    ("OCR", "a b c d", "a x c", 0.5, 0.5),  # one is another, one is missing
    ("OCR", "EXIT 4", "", 0, 0),
    ("free-form", "a man runs", "a man runs", 1, 1),
    # ROUGE-1: 2 of 3 and 2 of 2, F 0.8; ROUGE-2: 1 of 2 and 1 of 1, F 2/3; ROUGE-L as ROUGE-1
    ("free-form", "a man runs", "a man", (0.8 + 2 / 3 + 0.8) / 3, (0.8 + 2 / 3 + 0.8) / 3),
    ("free-form", "a man runs", "A man, running.", 1, 1),  # stems
    ("free-form", "yes", "yes", 1, 2 / 3),  # published: no pair of words in one word
    ("free-form", "他在跑", "他在跑", 1, 0),  # published: words of a to z only
    ("free-form", "他在跑", "他在", (0.8 + 2 / 3 + 0.8) / 3, 0),
    ("free-form", "a man runs", "", 0, 0),
    ("regression", "10", "8", 0.8, 0.8),
    ("regression", "10", "25", 0, 0),
    ("regression", "-10", "-9", 0.9, 0.9),
    ("regression", "0", "0", 1, 0),  # published: 1e-9 over 1e-9 is an error of 1
    ("regression", "10", "nan", 0, 0),  # published: 1; the one error that is not copied
    ("regression", "10", "about 10", 0, 0),
    ("regression", "1,000", "900", 0.9, 0.9),
])  # fmt: skip
def test_the_table_of_video_r1(kind: str, gold: str, answer: str, strict: float, released: float) -> None:
    assert accuracy(VIDEO_R1, kind, gold, answer, "strict") == pytest.approx(strict, abs=1e-6)
    assert accuracy(VIDEO_R1, kind, gold, answer, "released") == pytest.approx(released, abs=1e-6)


@pytest.mark.parametrize(("text", "strict", "released"), [  # the gold answer is B
    ("<think>x</think><answer>B</answer>", (1, 1), (1, 1)),
    ("<think>x</think> B <answer>B</answer>", (1, 0), (1, 0)),
    ("<think>A</think><answer>B</answer><answer>C</answer>", (0, 0), (1, 1)),  # the last tag, and the first
    ("<think>A</think><answer>C</answer><answer>B</answer>", (1, 0), (0, 1)),
    ("<think><think>x</think><answer>B</answer>", (1, 0), (1, 1)),  # published: tags may nest
    ("<answer>B</answer>", (1, 0), (1, 0)),
    ("<think>x</think><answer>B", (0, 0), (0, 0)),
    ("B", (0, 0), (0, 0)),
])  # fmt: skip
def test_which_tags_count(text: str, strict: tuple[int, int], released: tuple[int, int]) -> None:
    for preset, wanted in (("strict", strict), ("released", released)):
        parts = parts_of(VIDEO_R1, "multiple choice", "B", text, preset=preset)
        assert (parts["accuracy"], parts["format"]) == wanted, preset
        assert parts["score"] == sum(wanted)


@pytest.mark.parametrize(("kind", "gold", "text", "strict", "released"), [
    ("multiple choice", "B", "<answer>B</answer>", 1, 1),
    ("multiple choice", "A", "<answer>Apple</answer>", 0, 1),  # published: the first character
    ("multiple choice", "B", "<answer>b</answer>", 1, 0),
    ("multiple choice", "B", "<answer>(B)</answer>", 1, 0),
    ("multiple choice", "B", "B", 0, 0),
    ("multiple choice", "B", "<answer></answer>", 0, 0),
    ("free-form", "The man walks.", "<answer>Tigers</answer>", 0, 1),
    ("free-form", "The man walks.", "<answer>the man walks.</answer>", 1, 0),
])  # fmt: skip
def test_the_table_of_open_r1_video(kind: str, gold: str, text: str, strict: float, released: float) -> None:
    for preset, wanted in (("strict", strict), ("released", released)):
        parts = parts_of(OPEN_R1, kind, gold, text, preset=preset)
        assert parts["accuracy"] == parts["score"] == pytest.approx(wanted, abs=0.01), preset


WORDS = ["he", "runs", "running", "the", "cups", ".", "12", "Été", "3.5", "\n", "do-it", "walked", "x_y"]


@given(st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_the_published_rouge_is_that_of_the_library(answer: str) -> None:
    """Its own splitter, which stems each word anew, finds the same words as ours."""
    from rouge_score.rouge_scorer import RougeScorer

    gold = "he walked with two cups and 12 plates"
    theirs = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True).score(gold, answer)
    mean = sum(score.fmeasure for score in theirs.values()) / 3
    assert free_form_released(Sample(f"<answer>{answer}</answer>", gold)) == pytest.approx(mean)


def test_a_row_without_a_type_has_options_or_is_open() -> None:
    score = BY_TYPE.compute_score
    assert score("x", "<answer>B</answer>", "B", {"letters": "AB"})["accuracy"] == 1
    assert score("x", "<answer>B</answer>", "B")["accuracy"] == 1, "a row of another project: A to D"
    assert score("x", "<answer>a red cup</answer>", "a red cup", {"letters": ""})["accuracy"] == 1


def test_a_gold_answer_may_stand_in_its_tags() -> None:
    for preset in ("strict", "released"):
        assert accuracy(VIDEO_R1, "numerical", "<answer> 42 </answer>", "42", preset) == 1


def test_unreadable_is_counted_by_type() -> None:
    for kind, gold, answer in (
        ("multiple choice", "B", "B or C"),
        ("numerical", "3", "three"),
        ("OCR", "EXIT", ""),
        ("temporal grounding", "3-4", "at the end"),
        ("spatial grounding", "[1, 2, 3, 4]", "[1, 2, 3]"),
        ("pointing", "[1, 2, 3, 4]", "left"),
    ):
        text = f"<think>x</think><answer>{answer}</answer>"
        assert parts_of(BY_TYPE, kind, gold, text)["unreadable"] == 1, kind


def test_a_recipe_names_more_parts_and_the_keys_stay_the_same() -> None:
    parts = {"accuracy": 2.0, "think_answer_object": 0.5, "numerical_released": 0.0}
    texts = ["", "<think>x</think><answer>42.0</answer><object>cup</object>"]
    empty, full = (parts_of(BY_TYPE, "numerical", "42", text, parts=parts) for text in texts)
    assert list(empty) == list(full) and empty["score"] == 0
    assert (full["score"], full["format"], full["numerical_released"]) == (2.5, 0, 0)


@pytest.mark.parametrize(("options", "message"), [
    ({"preset": "published"}, "preset 'published' is not one of strict"),
    ({"parts": {"acuracy": 1.0}}, "parts: acuracy is not one of accuracy, format"),
])  # fmt: skip
def test_a_wrong_recipe_is_an_error_that_names_the_right_words(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parts_of(VIDEO_R1, "numerical", "1", "", **options)


def test_an_unknown_type_is_an_error_and_not_a_wrong_answer() -> None:
    with pytest.raises(ValueError, match=r"extra_info.problem_type: 'essay' is not one of multiple choice, numerical"):
        parts_of(VIDEO_R1, "essay", "x", "<answer>x</answer>")
