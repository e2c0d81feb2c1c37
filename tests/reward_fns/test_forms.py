"""The form of a response: tags once, in order, nothing outside; and what was published."""

import re

import pytest
from firsthand.reward_fns import forms
from firsthand.reward_fns.parts import Sample
from hypothesis import given
from hypothesis import strategies as st

GOOD = "<think>a</think>\n<answer>b</answer>"
OBJECTS = f"{GOOD}\n<object>cup, plate</object>"


@pytest.mark.parametrize(("text", "pair", "triple"), [
    (GOOD, 1, 0),
    (OBJECTS, 0, 1),
    (f"  {OBJECTS}\n", 0, 1),
    (f"{GOOD} and more", 0, 0),
    ("<think><think>a</think><answer>b</answer>", 0, 0),
    ("<think>a</think><answer>b</answer><answer>c</answer>", 0, 0),
    ("<answer>b</answer><think>a</think>", 0, 0),
    (f"<object>cup</object>{GOOD}", 0, 0),
    (f"{GOOD}<object>cup", 0, 0),
    ("<think>a <object>cup</object></think><answer>b</answer>", 1, 0),  # no tag of the pair
    ("", 0, 0),
])  # fmt: skip
def test_tags_do_not_nest_or_repeat(text: str, pair: int, triple: int) -> None:
    assert (forms.think_answer(Sample(text, "b")), forms.think_answer_object(Sample(text, "b"))) == (pair, triple)


@pytest.mark.parametrize(("text", "paid"), [
    ("<think>x</think> <answer>B</answer>", 1),
    ("<think>x</think> <answer>the red cup</answer>", 1),  # of an open question
    ('<think>x</think> <tool>{"name": "rag", "arguments": {}}</tool>', 0),  # it does not answer
    ("<think>x</think> <information>y</information> <answer>B</answer>", 0),
    ("<answer>B</answer>", 0),
])  # fmt: skip
def test_a_turn_of_ego_r1(text: str, paid: int) -> None:
    assert forms.ego_r1_turns(Sample(text, "B")) == paid


def test_the_turns_of_a_trace() -> None:
    def paid(*actions: str, stop: str) -> float:
        turns = [{"text": "x", "action": action} for action in actions]
        return forms.ego_r1_turns(Sample(GOOD, "b", {"trace": {"turns": turns, "stop": stop}}))

    assert paid("call", "answer", stop="answer") == 1
    assert paid("call", "invalid", "answer", stop="answer") == 0
    assert paid("call", stop="length") == 0


PIECES = st.sampled_from(
    ["<think>", "</think>", "<answer>", "</answer>", "<object>", "</object>", " ", "\n", "x", "</think>\n<answer>"]
)
PUBLISHED = {  # as they were published: a full match, a full match, a match of the beginning
    forms.think_answer_released: (re.fullmatch, r"<think>.*?</think>\s*<answer>.*?</answer>"),
    forms.think_answer_object_released: (
        re.fullmatch, r"<think>.*?</think>\s*<answer>.*?</answer>\s*<object>.*?</object>",
    ),
    forms.think_answer_prefix: (re.match, r"<think>.*?</think>\s*<answer>.*?</answer>"),
}  # fmt: skip


@given(st.lists(PIECES, max_size=12).map("".join) | st.lists(PIECES, max_size=6).map(lambda p: OBJECTS + "".join(p)))
def test_the_published_forms_are_paid_where_their_patterns_match(text: str) -> None:
    for part, (match, pattern) in PUBLISHED.items():
        assert part(Sample(text, "b")) == bool(match(pattern, text, re.DOTALL)), part.__name__
