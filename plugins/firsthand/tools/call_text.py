"""The one tool call in what a model wrote: the body for the agent loop, and all of it for clients that send raw text.

Raw text has three spellings: Ego-R1's `<tool>{…}</tool>`, Hermes' `<tool_call>{…}</tool_call>`, and bare JSON.
verl-tool cuts the text at the closing tag and keeps what stands before, so that tag may be missing. Ego-R1's training
data has arguments as a JSON string and the call as a Python literal; both are read, as data, never evaluated as code.

The body may also be what Qwen3.5 writes: `<function=NAME>`, a `<parameter=KEY>` for each argument with its value on
lines of its own, `</function>`. A value that is JSON, but no JSON string, is what JSON says; any other is text as it
stands. Which type a tool wants is not known here: a text that looks like a number is read as one.
"""

import ast
import json
import re
from typing import Any

from firsthand.tools.protocol import WrongArguments

_TAGS = re.compile(r"<(tool|tool_call)>")
_PARAMETER = re.compile(r"\s*<parameter=([^<>\s]+)>(.*?)</parameter>", re.DOTALL)
_WORDS = {"null": None, "None": None, "True": True, "False": False}  # its template prints Python's names
FORM = 'write one call between tool tags: {"name": "…", "arguments": {…}}'
# Characters of one call; a sane one has a few hundred. A literal is parsed in C: nested deeply, a long one could
# exhaust the stack.
LONGEST_CALL = 8192


def parse(text: str) -> tuple[str, Any]:
    """Name and arguments of the call in raw text; the arguments are checked later, against the schema of the tool."""
    found = _TAGS.findall(text)
    if len(found) > 1:
        raise WrongArguments(f"{len(found)} calls at once; {FORM}")
    if found:
        text = text.partition(f"<{found[0]}>")[2].partition(f"</{found[0]}>")[0]
    try:
        call = read_call(text.strip())
    except WrongArguments as error:
        raise WrongArguments(f"{error}; {FORM}") from None
    if not isinstance(call.get("name"), str):
        raise WrongArguments(f"no tool call found; {FORM}")
    return call["name"], call.get("arguments", {})


def read_call(body: str) -> dict[str, Any]:
    """What stands between the tags, or `WrongArguments` with the reason."""
    if len(body) > LONGEST_CALL:
        raise WrongArguments(f"the call has {len(body)} characters; the most is {LONGEST_CALL}")
    if body.startswith("<function="):
        return _read_function(body)
    call = read(body)
    if not isinstance(call, dict):
        raise WrongArguments("the call is not valid JSON")
    return call


def _read_function(body: str) -> dict[str, Any]:
    if any("\ud800" <= letter <= "\udfff" for letter in body):
        raise WrongArguments("half a surrogate pair in the call")
    name, opened, rest = body.removeprefix("<function=").partition(">")
    inside, closed, after = rest.rpartition("</function>")
    if not (name and opened and closed) or after.strip() or not name.isprintable():
        raise WrongArguments("the call is not one <function=...> with its </function>")
    arguments: dict[str, Any] = {}
    place = 0
    while found := _PARAMETER.match(inside, place):
        if found[1] in arguments:
            raise WrongArguments(f"the parameter {found[1]!r} stands there twice")
        arguments[found[1]], place = _value(found[2]), found.end()
    if inside[place:].strip():
        raise WrongArguments("inside <function=...> only <parameter=NAME>value</parameter> may stand")
    return {"name": name, "arguments": arguments}


def _value(text: str) -> Any:
    """The lines between the tags, without the line breaks beside them."""
    text = text.removeprefix("\n").removesuffix("\n")
    if text.strip() in _WORDS:
        return _WORDS[text.strip()]
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return text
    return text if isinstance(value, str) else value


def read(text: str) -> Any:
    """The value of JSON, or of a Python literal that JSON could hold; None for anything else.

    NaN, infinities and half a surrogate pair give None: no JSON file could hold the call.
    """
    if len(text) > LONGEST_CALL:
        return None
    for reader in (json.loads, ast.literal_eval):
        try:
            value = json.loads(json.dumps(reader(text), allow_nan=False))
            json.dumps(value, ensure_ascii=False).encode()
            return value
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return None
