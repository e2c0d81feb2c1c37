"""Whatever a model, a caption or a row holds is read in a time that grows no faster than its length."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from firsthand import answers
from firsthand.chat.session import split_options
from firsthand.llm.keys import redact
from firsthand.rollout.dialects import until_stop
from firsthand.rollout.turn_text import read_action
from firsthand.tools import call_text, text
from firsthand.tools.protocol import WrongArguments

READERS: dict[str, Callable[[str], Any]] = {
    "clean": text.clean,
    "fit": lambda said: text.fit(said, 256),
    "shorten": text.shorten,
    "redact": redact,
    "call": call_text.parse,
    "turn": lambda said: read_action(said, "ego_r1"),
    "native turn": lambda said: read_action(f"<think>x</think><tool_call>{said}</tool_call>", "native"),
    "answer": lambda said: read_action(f"<think>x</think><answer>{said}</answer>", "ego_r1"),
    "stop": lambda said: until_stop(said, "ego_r1"),
    "letter": lambda said: answers.extract_letter(said, dict(zip("ABCD", ("a cup", "a pan", "x", said), strict=True))),
    "format": answers.has_format,
    "typed question": split_options,
}
# A beginning that some pattern takes for its own, what is repeated after it, and an end that disappoints the pattern.
SHAPES = [
    ("<", " ", ""), ("<", "\t\n", "x"), ("", "< ", ""), ("</ ", " ", "tool"), ("", "<", ""), ("", "<|", ""),
    ("user", " ", "x"), ("user :", "\t", "x"), ("", "user \n", ""), ("\n", " \n", "x"), ("", "<tool ", ""),
    ("", "<think></tool><answer></think><tool>", ""), ('"prediction"', " ", ""), ('"prediction"', ' "prediction"', ""),
    ("Where? A.", " ", ""), ("Where?", " A. ", ""), ("", ". ", ""), ("", "sk-a ", ""), ("sk-", "-", " "),
    ("", "Bearer ", ""), ("", "https://", ""), ("https://", "a", ""), ("https://", "a:", " "), ("", "?key=", ""),
    ("", "[", ""), ("", "{'a':", ""), ("<function=f>", "<parameter=a>", ""), ("<function=f>", "<parameter=a> </", ""),
    ("<function=f>", " ", "<parameter=a"),
]  # fmt: skip


def cpu(reader: Callable[[str], Any], said: str) -> float:
    began = time.process_time()
    with suppress(WrongArguments):
        reader(said)
    return time.process_time() - began


@pytest.mark.parametrize("name", READERS)
def test_no_text_takes_more_than_its_length(name: str) -> None:
    """A pattern that is quadratic fails at some doubling, long before it would hang."""
    for begin, repeated, end in SHAPES:
        for length in (2_000, 4_000, 8_000, 16_000, 32_000):
            said = begin + repeated * (length // len(repeated)) + end
            assert cpu(READERS[name], said) < 0.4, f"{name} of {begin!r}, {length} characters of {repeated!r}, {end!r}"
