r"""The lenient reader of an answer: for scores only, so that untuned models can be compared with published harnesses.

It reads what a person would read without a doubt: "The answer is B.", "**B**", `B)`, `\boxed{B}`, "B. the cup", the
text of an option alone, 答案是B, `<ANSWER>`. It still refuses two letters, negations, refusals and the luck of a first
capital ("Cannot", "A person holds a cup"). Rewards never use it.

It looks at the answer's tag, else at a JSON object, else at all that stands after the thought; `claims.py` finds what
is claimed there. All strong claims must agree. A single weak one must not contradict them, and counts without them.
"""

import re
from collections.abc import Mapping
from itertools import pairwise

from firsthand.answers import TO_ASCII
from firsthand.evals.claims import Claims, TwoLetters

_INVISIBLE = dict.fromkeys([0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0xFE0F])
_CIRCLED = {0x24B6 + i: ord("A") + i for i in range(26)} | {0x24D0 + i: ord("a") + i for i in range(26)}
_SAME_MARKS = str.maketrans("‘’“”「」\u00a0\u3000", '\'\'""""  ')
_PLAIN = TO_ASCII | _INVISIBLE | _CIRCLED | _SAME_MARKS | str.maketrans("*`$", "   ")

_THOUGHT = re.compile(r"<(/?)think(?:ing)?>", re.IGNORECASE)
_ENVIRONMENT = re.compile(r"(</?(?:information|tool_response)>)")
_CALL = re.compile(r"<(?:tool|tool_call)>")
_SPECIAL = re.compile(r"</?s>|<\|\w{1,30}\|>|<eos>")
_TAG = re.compile(r"<\s{0,8}((?:[/\\]\s{0,8})?)answer\s{0,8}>", re.IGNORECASE)
_NEXT_QUESTION = re.compile(r"\n\s{0,8}(?:Question|Q|问题)\s{0,8}\d{0,3}[:.]")  # a base model that goes on and on
_KEY = re.compile(
    r"""["'](?:prediction|answer|final[_ ]answer|choice|option|letter)["']\s{0,8}:\s{0,8}"""
    r"""(?:"([^"\n]*)"|'([^'\n]*)'|([A-Za-z])\b)""",
    re.IGNORECASE,
)
_LATEX = re.compile(r"\\(?:text(?:bf|rm|tt|it)?|math(?:rm|bf|it|tt)|[()\[\]])")
_BOX = re.compile(r"\\f?box(?:ed)?\s{0,8}(?:\{\s{0,8}){1,3}([^{}\n]*)\}")


def read_leniently(text: str, letters: str = "ABCD", options: Mapping[str, str] | None = None) -> str | None:
    """The one letter of `letters` that a person would read, or None."""
    said = after_thought(_without_environment(text))
    if not letters or _CALL.search(said):
        return None
    try:
        return _decide(_where_the_answer_stands(said), Claims(letters, options or {}))
    except TwoLetters:
        return None


def _without_environment(text: str) -> str:
    """Without what stands between the environment's own tags, or after one that is not closed."""
    parts, kept, depth = _ENVIRONMENT.split(text), list[str](), 0
    for i, part in enumerate(parts):
        if i % 2:
            depth = max(0, depth + (-1 if part[1] == "/" else 1))
        elif not depth:
            kept.append(part)
    return "".join(kept)


def after_thought(text: str) -> str:
    """What is said: after the last thought, and not in one that is still open."""
    tags = list(_THOUGHT.finditer(text))
    closed = max((tag.end() for tag in tags if tag[1]), default=0)
    opened = [tag.start() for tag in tags if not tag[1] and tag.start() >= closed]
    return text[closed : opened[0] if opened else None]


def _where_the_answer_stands(text: str) -> str:
    tags = list(_TAG.finditer(text))
    for opened, closed in reversed(list(pairwise(tags))):
        if not opened[1] and closed[1] and (content := text[opened.end() : closed.start()].strip()):
            return _plain(content)
    text = _plain(_TAG.sub("\n", text))
    if found := list(_KEY.finditer(text)):
        return next(filter(None, found[-1].groups()), "").strip()
    begun = _NEXT_QUESTION.search(text)
    return text[: begun.start()] if begun else text


def _plain(text: str) -> str:
    """Without marks of Markdown and LaTeX, in ASCII where a character has a twin there."""
    return _LATEX.sub(" ", _SPECIAL.sub("\n", text).translate(_PLAIN)).strip()


def _decide(text: str, claims: Claims) -> str | None:
    if letter := claims.alone(text) or claims.by_text(text):
        return letter
    strong, weak = set(claims.strong(text)), claims.weak(text)
    for content in _BOX.findall(text):
        strong |= set(filter(None, [claims.alone(content) or claims.by_text(content)])) or claims.weak(content)
    found = strong | weak if len(weak) == 1 else strong or weak
    return found.pop() if len(found) == 1 else None
