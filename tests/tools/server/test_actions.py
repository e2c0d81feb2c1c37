"""A call is found in every spelling that models and verl-tool's client send, and in nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firsthand.tools.actions import MAX_LENGTH, parse
from firsthand.tools.protocol import WrongArguments

CALL = '{"name": "rag", "arguments": {"level": "day"}}'


@pytest.mark.parametrize(
    "text",
    [
        CALL,
        f"<think>look</think> <tool>{CALL}</tool>",
        f"<tool_call>\n{CALL}\n</tool_call>",
        f"<think>look</think><tool>{CALL}",  # verl-tool cuts at the closing tag
        """<tool>{'name': 'rag', 'arguments': {'level': 'day'}}</tool>""",
    ],
)
def test_spellings(text: str) -> None:
    assert parse(text) == ("rag", {"level": "day"})


def test_arguments_as_text_are_left_to_the_tool() -> None:
    assert parse("""<tool>{'name': 'rag', 'arguments': '{"level": "day"}'}</tool>""") == ("rag", '{"level": "day"}')


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no call",
        "<tool></tool>",
        "<tool>rag</tool>",
        "<tool>[1, 2]</tool>",
        '<tool>{"arguments": {}}</tool>',
        '<tool>{"name": 3, "arguments": {}}</tool>',
        "<tool>{'name': __import__('os').getcwd()}</tool>",
        f"<tool>{CALL}</tool><tool>{CALL}</tool>",
        f"<tool_call><tool_call>{CALL}</tool_call></tool_call>",
        f"<tool><tool_call>{CALL}</tool_call></tool>",
        "<tool>" + "[" * 90_000,
        "<tool>" + "-" * (MAX_LENGTH - 1) + "1",
        "<tool>" + "x" * (MAX_LENGTH + 1),
    ],
)
def test_what_is_no_call_gets_a_correction(text: str) -> None:
    with pytest.raises(WrongArguments, match="write one call"):
        parse(text)


@given(st.text())
def test_no_text_does_harm(text: str) -> None:
    try:
        name, _ = parse(f"<tool>{text}")
    except WrongArguments:
        return
    assert isinstance(name, str)
