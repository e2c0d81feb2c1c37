"""The one reader of an agent's turn: what the model wants to do, in either dialect, or why the turn cannot be read.

Ego-R1's dialect is what its released agents write: `<think>..</think> <tool>{..}</tool>` or `.. <answer>B</answer>`.
The call is JSON, or (in the data that they were fine-tuned on) a Python dictionary whose arguments are a JSON string.
The native dialect is `<tool_call>`, which Qwen's chat templates and vLLM's parsers know: in it JSON, as Qwen2.5 to
Qwen3-VL write it, or `<function=...>` with its parameters, as Qwen3.5 does.

A turn is hostile input. It holds exactly one action. A turn that also writes the environment's part, a role header or a
placeholder of an image is refused as a whole, because what follows such a token would not be the model's own text. The
model reads the reason as a correction. Every check is linear in the length of the turn.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

from firsthand.answers import extract_choice
from firsthand.tools.call_text import read, read_call
from firsthand.tools.protocol import WrongArguments

Dialect = Literal["ego_r1", "native"]
CALL_TAG: dict[Dialect, str] = {"ego_r1": "tool", "native": "tool_call"}

FORBIDDEN = (
    "<information>", "</information>", "<tool_response>", "</tool_response>", "<|im_start|>",
    "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
_TAGS = re.compile(r"</?(?:think|tool|tool_call|answer)>")
_FORM = '<think>...</think> <%s>{"name": ..., "arguments": {...}}</%s> or <think>...</think> <answer>...</answer>'


@dataclass(frozen=True)
class Call:
    name: str
    arguments: dict[str, Any]
    thought: str = ""


@dataclass(frozen=True)
class Answer:
    letter: str | None  # None: the content of the tag is not a letter of the question, or the question is open
    content: str
    thought: str = ""


@dataclass(frozen=True)
class Invalid:
    correction: str


Action = Call | Answer | Invalid


def read_action(turn: str, dialect: Dialect, letters: str = "ABCD") -> Action:
    """The one action of a turn; an open question has no `letters`. The turn may end in `<|im_end|>`, or in what a
    server leaves of it."""
    turn = turn.removesuffix("<|endoftext|>").strip().removesuffix("<|im_end|>").strip()
    if forbidden := next((token for token in FORBIDDEN if token in turn), None):
        return Invalid(f"a turn must not contain {forbidden.strip('<|>')!r}: the environment writes that itself")
    call_tag, form = CALL_TAG[dialect], _FORM % (CALL_TAG[dialect], CALL_TAG[dialect])
    tags = [(found.group(), found.span()) for found in _TAGS.finditer(turn)]
    names = [tag for tag, _ in tags]
    for action in (call_tag, "answer"):
        if names == ["<think>", "</think>", f"<{action}>", f"</{action}>"]:
            (_, opened), (_, closed), (_, begun), (_, ended) = tags
            outside = turn[: opened[0]] + turn[closed[1] : begun[0]] + turn[ended[1] :]
            if outside.strip():
                return Invalid(f"nothing may stand outside the tags; write {form}")
            thought, content = turn[opened[1] : closed[0]].strip(), turn[begun[1] : ended[0]].strip()
            if action == "answer":
                return Answer(extract_choice(f"<answer>{content}</answer>", letters), content, thought)
            return _call(content, thought)
    if names.count(f"<{call_tag}>") > 1:
        return Invalid(f"one call a turn; write {form}")
    return Invalid(f"no action could be read; write {form}")


def _call(content: str, thought: str) -> Call | Invalid:
    try:
        body = read_call(content)
    except WrongArguments as error:
        return Invalid(f'{error}; write {{"name": ..., "arguments": {{...}}}}')
    name, arguments = body.get("name"), body.get("arguments")
    if isinstance(arguments, str):
        arguments = read(arguments)
    if not isinstance(name, str) or not isinstance(arguments, dict) or body.keys() - {"name", "arguments"}:
        return Invalid('a call has a "name" (text) and "arguments" (an object), nothing else')
    return Call(name, arguments, thought)
