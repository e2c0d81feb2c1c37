"""The reader of an agent's turn: both dialects, one action, and nothing that is not the model's to write."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firsthand.rollout.turn_text import FORBIDDEN, Answer, Call, Invalid, read_action
from firsthand.tools.call_text import LONGEST_CALL, parse

ARGUMENTS = {"level": "day", "keywords": ["a {b}"]}
NESTED = json.dumps({"name": "rag", "arguments": ARGUMENTS})
PRINTED = str({"name": "rag", "arguments": json.dumps(ARGUMENTS)})


@pytest.mark.parametrize("body", [NESTED, PRINTED, str({"name": "rag", "arguments": ARGUMENTS}), f"\n{NESTED}\n"])
@pytest.mark.parametrize(("dialect", "tag"), [("ego_r1", "tool"), ("native", "tool_call")])
def test_a_call_is_read_in_every_form_of_the_released_data(dialect, tag, body):
    turn = f"<think> why </think> <{tag}>{body}</{tag}>"
    for ending in ("", "<|im_end|>", "<|im_end|>\n", "<|endoftext|>"):
        assert read_action(turn + ending, dialect) == Call("rag", ARGUMENTS, "why")


def xml(*parameters: tuple[str, str], name: str = "rag") -> str:
    lines = [f"<parameter={key}>\n{value}\n</parameter>" for key, value in parameters]
    return "\n".join([f"<function={name}>", *lines, "</function>"])


@pytest.mark.parametrize(("written", "value"), [
    ("day", "day"), ('["a {b}"]', ["a {b}"]), ('{"x": [1]}', {"x": [1]}), ("4", 4), ("0.5", 0.5), ("true", True),
    ("True", True), ("null", None), ("None", None), ('"day"', '"day"'), ("['a']", "['a']"), ("", ""), ("NaN", "NaN"),
    ("two\nlines\n", "two\nlines\n"), ("1, 2", "1, 2"), ("<b>", "<b>"), ("<parameter=x>", "<parameter=x>"),
    ("DAY1_11094208", "DAY1_11094208"),
])  # fmt: skip
def test_a_call_as_qwen3_5_writes_it_has_the_values_of_its_lines(written, value):
    turn = f"<think>\nwhy\n</think>\n\n<tool_call>\n{xml(('level', 'day'), ('x', written))}\n</tool_call><|im_end|>"
    assert read_action(turn, "native") == Call("rag", {"level": "day", "x": value}, "why")
    assert parse(turn.partition("</think>")[2]) == ("rag", {"level": "day", "x": value}), "as clients send it"
    assert read_action("<think>x</think><tool_call>" + xml() + "</tool_call>", "native") == Call("rag", {}, "x")


@pytest.mark.parametrize(("body", "says"), [
    ("<function=rag>", "</function>"),
    ("<function=>\n</function>", "not one <function"),
    ("<function=rag\n</function>", "not one <function"),
    ("<function=a\nb></function>", "not one <function"),
    (xml() + xml(), "only <parameter"),
    (xml() + " so", "not one <function"),
    (xml(("x", "1"), ("x", "2")), "twice"),
    ("<function=rag>level: day</function>", "only <parameter"),
    ("<function=rag><parameter=level>day</function>", "only <parameter"),
    ("<function=rag><parameter=a b>day</parameter></function>", "only <parameter"),
    (xml(("x", "\ud800")), "surrogate"),
    (xml(("x", "y" * LONGEST_CALL)), "the most is"),
    (f"so {xml()}", "not valid JSON"),
])  # fmt: skip
def test_a_call_that_qwen3_5_wrote_wrongly_gets_a_correction(body, says):
    action = read_action(f"<think>x</think> <tool_call>{body}</tool_call>", "native")
    assert isinstance(action, Invalid) and says in action.correction


@given(
    st.text()
    | st.lists(st.sampled_from(["<function=", "rag>", "<parameter=", "</parameter>", "</function>", "\n", "x"])).map(
        "".join
    )
)
def test_no_body_raises_anything_but_a_correction(body):
    assert isinstance(
        read_action(f"<think>x</think> <tool_call><function={body}</tool_call>", "native"), Call | Invalid
    )


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
