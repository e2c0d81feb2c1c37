"""Turns of released agents: what Ego-R1's own code runs, and nothing changed for turns that follow the contract."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firsthand.rollout.released_turn import only_released, read_released
from firsthand.rollout.turn_text import FORBIDDEN, Answer, Call, Invalid, read_action

ARGUMENTS = {"level": "day", "keywords": ["a {b}"]}
BODY = json.dumps({"name": "rag", "arguments": ARGUMENTS})
CALL = f"<tool>{BODY}</tool>"
OTHER = "<tool>{'name': 'vlm', 'arguments': {}}</tool>"


@pytest.mark.parametrize(("turn", "thought"), [
    (CALL, ""),
    (f"I search. {CALL}", "I search."),
    (f"<think>why</think> {CALL} and then?", "why"),
    (f"<think>why {CALL}", "why"),
    (f"<think>why</think> {CALL} {OTHER}", "why"),
    (f"<think>why</think> {CALL} <answer>B</answer>", "why"),
    (f"<think>why</think> <tool>```json\n{BODY}\n```</tool>", "why"),
    (f"<think>why</think> <tool>{BODY[:-1]}, \"why\": 1}}</tool>", "why"),
    (f"<think>why</think> {CALL}<information>made up</information>", "why"),
    (f"<think>why</think> <tool>Call: {BODY}</tool>", "why"),
    (f"{CALL}<|im_end|>", ""),
])  # fmt: skip
def test_a_call_is_run(turn: str, thought: str) -> None:
    assert read_released(turn, "ego_r1") == Call("rag", ARGUMENTS, thought)
    assert only_released(turn, "ego_r1", "ABCD")


@pytest.mark.parametrize(("turn", "letter"), [
    ("<answer>B</answer>", "B"),
    ("so <answer>B</answer>", "B"),
    ("<think>x</think> <answer>B</answer>.", "B"),
    ("<think>x <answer>\nB\n</answer>", "B"),
    (f"<answer>B</answer> {CALL}", "B"),
    ("<answer>B</answer> <answer>C</answer>", "B"),
    ("<information>x</information> <answer>B</answer>", "B"),
    ("<answer>Apple, so D</answer>", None),  # Ego-R1's code would take the A
])  # fmt: skip
def test_an_answer_ends_the_episode(turn: str, letter: str | None) -> None:
    action = read_released(turn, "ego_r1")
    assert isinstance(action, Answer) and action.letter == letter
    assert only_released(turn, "ego_r1", "ABCD")


def test_a_tag_in_the_thought_does_not_hide_the_action() -> None:
    assert isinstance(read_released(f"<think>I use <tool> now</think> {CALL}", "ego_r1"), Call)
    assert isinstance(read_released("<think>an <answer> tag</think> <answer>B</answer>", "ego_r1"), Answer)


@pytest.mark.parametrize("turn", ["", "The answer is B", "<tool>no call</tool>", "<tool>{}</tool>", "<answer>B"])
def test_what_cannot_be_run_gets_the_strict_correction(turn: str) -> None:
    assert read_released(turn, "ego_r1") == read_action(turn, "ego_r1")
    assert not only_released(turn, "ego_r1", "ABCD")


@pytest.mark.parametrize("token", [token for token in FORBIDDEN if token.startswith("<|")])
def test_role_headers_and_placeholders_are_still_refused(token: str) -> None:
    assert isinstance(read_released(f"{token} <answer>B</answer>", "ego_r1"), Invalid)


PIECES = ["<think>", "</think>", "<tool>", "</tool>", "<answer>", "</answer>", BODY, "B", "{", "'", '"', "<|im_end|>"]


@given(st.text() | st.lists(st.sampled_from(PIECES)).map("".join), st.sampled_from(["ego_r1", "native"]))
def test_what_the_strict_reader_runs_is_the_same_here(turn, dialect) -> None:
    strict, released = read_action(turn, dialect), read_released(turn, dialect)
    assert isinstance(strict, Invalid) or released == strict


@pytest.mark.timeout(30)
@pytest.mark.parametrize("unit", ["<tool>", "<answer>", "<tool>{", "</tool>", "<answer></tool>", "{"])
def test_hostile_turns_are_read_in_linear_time(unit: str) -> None:
    began = time.process_time()
    read_released(unit * (1_000_000 // len(unit)), "ego_r1")
    assert time.process_time() - began < 5
