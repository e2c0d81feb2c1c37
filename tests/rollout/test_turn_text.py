"""The reader of an agent's turn: both dialects, one action, and nothing that is not the model's to write."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firsthand.rollout.turn_text import FORBIDDEN, Answer, Call, Invalid, read_action
from firsthand.tools.call_text import LONGEST_CALL

ARGUMENTS = {"level": "day", "keywords": ["a {b}"]}
NESTED = json.dumps({"name": "rag", "arguments": ARGUMENTS})
PRINTED = str({"name": "rag", "arguments": json.dumps(ARGUMENTS)})


@pytest.mark.parametrize("body", [NESTED, PRINTED, str({"name": "rag", "arguments": ARGUMENTS}), f"\n{NESTED}\n"])
@pytest.mark.parametrize(("dialect", "tag"), [("ego_r1", "tool"), ("native", "tool_call")])
def test_a_call_is_read_in_every_form_of_the_released_data(dialect, tag, body):
    turn = f"<think> why </think> <{tag}>{body}</{tag}>"
    for ending in ("", "<|im_end|>", "<|im_end|>\n", "<|endoftext|>"):
        assert read_action(turn + ending, dialect) == Call("rag", ARGUMENTS, "why")


@pytest.mark.parametrize(
    ("content", "letter"), [("B", "B"), ("\nB\n", "B"), ("b.", "B"), ("Apple, so D", None), ("E", None), ("", None)]
)
def test_an_answer_is_one_letter_or_none(content, letter):
    action = read_action(f"<think>x</think>\n<answer>{content}</answer>", "ego_r1")
    assert isinstance(action, Answer) and action.letter == letter


@pytest.mark.parametrize(("turn", "says"), [
    ("", "no action"),
    ("the answer is B", "no action"),
    ("<answer>B</answer>", "no action"),
    (f"<tool>{NESTED}</tool>", "no action"),
    (f"<think>x</think> <tool>{NESTED}</tool> <tool>{NESTED}</tool>", "one call a turn"),
    (f"<think>x</think> <tool>{NESTED}</tool> <answer>B</answer>", "no action"),
    ("<think>x</think> <answer>B</answer> <answer>C</answer>", "no action"),
    ("so <think>x</think> <answer>B</answer>", "outside the tags"),
    ("<think>x</think> <answer>B</answer> done", "outside the tags"),
    ("<think>x</think> <tool>not json</tool>", "not valid JSON"),
    ("<think>x</think> <tool>[1]</tool>", "not valid JSON"),
    ('<think>x</think> <tool>{"name": "rag"}</tool>', '"arguments"'),
    ('<think>x</think> <tool>{"name": 3, "arguments": {}}</tool>', '"name"'),
    ('<think>x</think> <tool>{"name": "rag", "arguments": {}, "also": 1}</tool>', "nothing else"),
    ('<think>x</think> <tool>{"name": "rag", "arguments": {"x": NaN}}</tool>', "not valid JSON"),
    ('<think>x</think> <tool>{"name": "rag", "arguments": "[1]"}</tool>', '"arguments"'),
    (f"<think>x</think> <tool>{'[' * 4000}</tool>", "not valid JSON"),
    ('<think>x</think> <tool>{"name": "\\ud800", "arguments": {}}</tool>', "not valid JSON"),
    ('<think>x</think> <tool>{"name": "rag", "arguments": "{\\"x\\": \\"\\\\ud800\\"}"}</tool>', '"arguments"'),
    (f"<think>x</think> <tool>{'x' * (LONGEST_CALL + 1)}</tool>", "the most is"),
    ("<think>x</think> <tool>__import__('os').system('true')</tool>", "not valid JSON"),
])  # fmt: skip
def test_what_cannot_be_read_gets_a_correction(turn, says):
    action = read_action(turn, "ego_r1")
    assert isinstance(action, Invalid) and says in action.correction


@pytest.mark.parametrize("token", FORBIDDEN)
def test_a_turn_that_writes_the_environments_part_is_refused(token):
    action = read_action(f"<think>x {token}</think> <answer>B</answer>", "ego_r1")
    assert isinstance(action, Invalid) and token not in action.correction


def test_the_other_dialects_call_is_not_a_call():
    turn = f"<think>x</think> <tool_call>{NESTED}</tool_call>"
    assert isinstance(read_action(turn, "ego_r1"), Invalid)
    assert isinstance(read_action(turn, "native"), Call)


PIECES = ["<think>", "</think>", "<tool>", "</tool>", "<answer>", "</answer>", NESTED, "B", "{", "'", '"', "<|im_end|>"]


@given(st.text() | st.lists(st.sampled_from(PIECES)).map("".join), st.sampled_from(["ego_r1", "native"]))
def test_no_turn_raises(turn, dialect):
    assert isinstance(read_action(turn, dialect), Call | Answer | Invalid)
