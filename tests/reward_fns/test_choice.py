"""The choice reward: its parts, its weights, and that veRL can load it by path."""

import importlib.util
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
WEIGHTS = {"accuracy": 1.0, "format": 0.1}


@pytest.fixture(scope="module")
def score():
    """`compute_score` loaded by path, as veRL does it, called with the recipe's weights."""
    spec = importlib.util.spec_from_file_location("loaded_by_path", ROOT / "reward_fns/choice.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def call(answer, truth="B", letters="ABCD", **weights):
        info = {"letters": letters, "num_turns": None}
        return module.compute_score("toy", answer, truth, info, parts={**WEIGHTS, **weights})

    return call


@pytest.mark.parametrize(("answer", "accuracy", "format", "unreadable"), [
    ("<think>It is red.</think>\n<answer>B</answer>", 1, 1, 0),
    ("<think>It is red.</think>\n<answer>A</answer>", 0, 1, 0),
    ("<answer>B</answer>", 1, 0, 0),
    ("<think>B</think><answer>A</answer><answer>B</answer>", 1, 0, 0),  # the last answer counts, the shape is wrong
    ("<think>B</think><answer>B or C</answer>", 0, 1, 1),
    ("The answer is B", 0, 0, 1),
    ("", 0, 0, 1),
])  # fmt: skip
def test_parts_and_score(score, answer, accuracy, format, unreadable):
    parts = score(answer)
    assert parts == {
        "score": pytest.approx(accuracy + 0.1 * format),
        "accuracy": accuracy,
        "format": format,
        "unreadable": unreadable,
    }


def test_the_weights_are_those_of_the_recipe(score):
    assert score("<think>x</think><answer>B</answer>", accuracy=2.0, format=0.5)["score"] == 2.5


def test_a_recipe_with_the_older_keys_pays_the_same(score):
    from firsthand.reward_fns.choice import compute_score

    answer = "<think>x</think><answer>B</answer>"
    assert compute_score("toy", answer, "B", {"letters": "ABCD"}, **WEIGHTS) == score(answer)
    assert compute_score("toy", answer, "B", **WEIGHTS)["score"] == 1.1, "a row of another project: A to D"
    with pytest.raises(ValueError, match="write `parts:"):
        compute_score("toy", answer, "B")


def test_an_open_question_is_never_read_as_one_of_four_letters(score):
    parts = score("<think>x</think><answer>B</answer>", truth="B", letters="")
    assert (parts["accuracy"], parts["unreadable"]) == (0, 1)


def test_a_letter_that_the_question_does_not_have_is_unreadable(score):
    assert score("<think>x</think><answer>C</answer>", letters="AB")["unreadable"] == 1
    assert score("<think>x</think><answer>E</answer>", truth="E", letters="ABCDE")["accuracy"] == 1


PIECES = st.sampled_from(["<think>", "</think>", "<answer>", "</answer>", "B", "C"])


@given(answer=st.text() | st.lists(PIECES).map("".join))
def test_every_answer_has_the_same_parts_within_their_range(score, answer):
    parts = score(answer)
    assert list(parts) == ["score", "accuracy", "format", "unreadable"]
    assert all(0 <= value <= 1.1 for value in parts.values())
    assert not (parts["accuracy"] and parts["unreadable"])
