"""The turns of agents that others released, read as their own code reads them; never in training.

Ego-R1's code cuts a turn after its first action and runs that, whatever stands around it: no thought, one that is not
closed, text outside the tags, a second call, JSON in a code fence or with one key too many, a result that the model
made up. The strict reader answers each with a correction, so a released agent would be measured in another loop than
its published one. Role headers and placeholders of images are still refused: no template lets a model write them.
A turn that the strict reader understands has the same action here, and the letter of an answer is the strict one's.
"""

import re
from collections.abc import Callable
from typing import Literal

from firsthand.answers import extract_choice
from firsthand.rollout.turn_text import CALL_TAG, FORBIDDEN, Action, Answer, Call, Dialect, Invalid, read_action
from firsthand.tools.call_text import read

Reading = Literal["strict", "released"]
_THINK = re.compile(r"</?think>")
_STILL_FORBIDDEN = tuple(token for token in FORBIDDEN if token.startswith("<|"))


def read_released(turn: str, dialect: Dialect, letters: str = "ABCD") -> Action:
    """The first action of a turn. What cannot be run gets the strict reader's correction."""
    strict = read_action(turn, dialect, letters)
    if not isinstance(strict, Invalid) or any(token in turn.removesuffix("<|im_end|>") for token in _STILL_FORBIDDEN):
        return strict
    found = _first_action(turn, CALL_TAG[dialect])
    if found is None:
        return strict
    before, tag, content = found
    thought = _THINK.sub("", before).strip()
    if tag == "answer":
        return Answer(extract_choice(f"<answer>{content}</answer>", letters), content, thought)
    return _call(content, thought) or strict


def _first_action(turn: str, call_tag: str) -> tuple[str, str, str] | None:
    """What stands before the first closed action, its tag and its content."""
    last = {tag: turn.rfind(f"</{tag}>") for tag in (call_tag, "answer")}
    for opened in re.finditer(rf"<({call_tag}|answer)>", turn):
        if opened.end() <= last[opened[1]]:
            closed = turn.index(f"</{opened[1]}>", opened.end())
            return turn[: opened.start()], opened[1], turn[opened.end() : closed].strip()
    return None


def _call(content: str, thought: str) -> Call | None:
    """The call between the outermost braces; keys beside its name and arguments are left aside."""
    body = read(content[content.find("{") : content.rfind("}") + 1])
    name, arguments = (body.get("name"), body.get("arguments")) if isinstance(body, dict) else (None, None)
    if isinstance(arguments, str):
        arguments = read(arguments)
    return Call(name, arguments, thought) if isinstance(name, str) and isinstance(arguments, dict) else None


READERS: dict[Reading, Callable[[str, Dialect, str], Action]] = {"strict": read_action, "released": read_released}


def only_released(turn: str, dialect: Dialect, letters: str) -> bool:
    """Whether this reading alone finds an action in a turn."""
    strict, released = (READERS[reading](turn, dialect, letters) for reading in READERS)
    return isinstance(strict, Invalid) and not isinstance(released, Invalid)
