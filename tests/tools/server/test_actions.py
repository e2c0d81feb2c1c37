"""A call is found in every spelling that models and verl-tool's client send, and in nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firsthand.tools.call_text import LONGEST_CALL, parse, read
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
        "<tool>" + "-" * (LONGEST_CALL - 1) + "1",
        "<tool>" + "x" * (LONGEST_CALL + 1),
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


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "float('nan')"])
def test_only_numbers_that_json_can_spell_are_read(number: str) -> None:
    assert read(f'{{"x": {number}}}') is None
    assert read(f"{{'x': [{number}]}}") is None


@pytest.mark.parametrize("text", ["{1, 2}", "b'x'", "1j", "{(1, 2): 3}", "...", "{'x': __name__}", "0x" + "f" * 50_000])
def test_a_literal_that_is_no_json_is_not_read(text: str) -> None:
    assert read(text) is None


def test_a_literal_becomes_the_json_that_it_would_be() -> None:
    assert read("{'a': (1, None, True), 2: '…'}") == {"a": [1, None, True], "2": "…"}


@pytest.mark.parametrize("half", ["\\ud800", "\\udfff", "\ud800", "\\udc00\\ud800"])
def test_half_a_surrogate_pair_is_not_read(half: str) -> None:
    for text in (f'{{"name": "{half}"}}', f'{{"{half}": 1}}', f"{{'name': ['{half}']}}"):
        assert read(text) is None
    with pytest.raises(WrongArguments):
        parse(f'<tool>{{"name": "{half}", "arguments": {{}}}}</tool>')
    assert read('"\\ud83d\\ude00"') == read(r"'\ud83d\ude00'") == "😀"


anything = st.recursive(
    st.integers() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
)


@given(anything)
def test_what_is_read_can_be_written(value) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False), repr(value)):
        json.dumps(read(text), ensure_ascii=False).encode()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(values)
def test_both_spellings_of_a_value_are_read_alike(value) -> None:
    assert read(json.dumps(value)) == read(repr(value)) == value
