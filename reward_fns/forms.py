"""Rewards for the form of a response: which tags there are, each once, in order, and nothing outside them.

The published versions (`_released`, `_prefix`) look at how a response begins and ends, so that tags may nest or repeat
inside. Every part is linear in the length of the response; the patterns that were published are not.
"""

import re

from firsthand.reward_fns.parts import Parts, Sample

from firsthand.answers import has_format
from firsthand.rollout.turn_text import Invalid, read_action

PARTS = Parts()
_TURN_TO_ANSWER = re.compile(r"</think>\s*<answer>")
_ANSWER_TO_OBJECT = re.compile(r"</answer>\s*<object>")


@PARTS.part
def think_answer(sample: Sample) -> float:
    """1 for thoughts and an answer, each once in its tags, and nothing else."""
    return has_format(sample.text)


@PARTS.part
def think_answer_object(sample: Sample) -> float:
    """1 for thoughts, an answer and a list of objects, each once in its tags, and nothing else (Ego3S)."""
    return has_format(sample.text, ("think", "answer", "object"))


@PARTS.part
def ego_r1_turns(sample: Sample) -> float:
    """1 where every turn is a thought and one call or answer, and the last one answers (Ego-R1)."""
    if "trace" in (sample.info or {}):
        return sample.trace.stop == "answer" and not sample.trace.invalid
    return "<answer>" in sample.text and not isinstance(read_action(sample.text, "ego_r1"), Invalid)


@PARTS.part
def think_answer_released(sample: Sample) -> float:
    """1 for a response that begins with a thought, ends with an answer and has one after the other (Video-R1)."""
    return _spans(sample.text, "<think>", [_TURN_TO_ANSWER], "</answer>") == len(sample.text)


@PARTS.part
def think_answer_prefix(sample: Sample) -> float:
    """1 for a response that begins with a thought and an answer, whatever follows (Open-R1-Video)."""
    return _spans(sample.text, "<think>", [_TURN_TO_ANSWER], "</answer>") > 0


@PARTS.part
def think_answer_object_released(sample: Sample) -> float:
    """1 for a thought, an answer and objects from begin to end, in this order (Ego3S)."""
    bounds = [_TURN_TO_ANSWER, _ANSWER_TO_OBJECT]
    return _spans(sample.text, "<think>", bounds, "</object>") == len(sample.text)


def _spans(text: str, opening: str, bounds: list[re.Pattern[str]], closing: str) -> int:
    """Where the longest match of `opening`, the `bounds` in order and `closing` ends; -1 without one."""
    if not text.startswith(opening):
        return -1
    reached = len(opening)
    for bound in bounds:
        if not (found := bound.search(text, reached)):
            return -1
        reached = found.end()
    last = text.rfind(closing, reached)
    return last + len(closing) if last >= 0 else -1
