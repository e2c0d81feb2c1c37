"""What a tool says, made safe to put into a conversation.

Captions, answers of other models and echoes of a model's own arguments may hold anything: a chat template's control
tokens, a placeholder that a processor would match with an image, a tag that an action parser reads. `clean` takes all
of them out; `fit` keeps within a budget and says how much is missing.

Both run on the event loop, so their time is linear in the length of any text: runs of blanks are matched possessively
(`*+`), and everything else that repeats is bounded.
"""

import re
from collections.abc import Callable
from typing import Any

LONGEST = 100_000  # characters that are looked at; far above any budget, far below what would take a second

_TAGS = (
    "think|tools?|information|answer|timestamp|tool_call|tool_response|function|parameter|observation|"
    "im_start|im_end|image|img|video|audio|image_soft_token|img_context|system|user|assistant|"
    "s|bos|eos|pad|unk|start_of_turn|end_of_turn|start_of_image|end_of_image"
)
_SPECIAL = re.compile(
    r"<[|｜][^<>]{0,64}[|｜]>"  # <|im_start|>, <|image_pad|>, <|vision_start|>
    rf"|<\s*+/?\s*+(?:{_TAGS})\b[^<>]{{0,256}}>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|IMG|IMG_BREAK|IMG_END)\]|<</?SYS>>",
    re.IGNORECASE,
)
# Control characters, bidirectional marks, zero-width characters and halves of surrogate pairs: they are invisible, and
# one inside a tag would hide it from the pattern above.
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_ROLE_LINE = re.compile(r"^[ \t]*+(?:system|user|assistant|tool)[ \t]*+:?[ \t]*+$\n?", re.IGNORECASE | re.MULTILINE)

_PIECE = re.compile(r"[A-Za-z]+|[^\sA-Za-z]|\n")  # what is kept or cut as a whole
_TOKEN = re.compile(r"[A-Za-z]{1,4}|[^\sA-Za-z]|\n")
_RARE = re.compile(r"[\U00010000-\U0010ffff]")  # two tokens
_SENTENCE_END = re.compile(r"[.!?。！？](?=\s|$)|\n")


def clean(text: str) -> str:
    """No special token, no tag of a prompt format, no line that is only a role, nothing invisible."""
    text = _INVISIBLE.sub("", text[:LONGEST])
    for _ in range(4):
        tagless = _SPECIAL.sub(" ", text) if "<" in text or "[" in text else text
        stripped = _ROLE_LINE.sub("", tagless)
        if stripped == text:
            return text.strip()
        text = stripped  # what is left may form a new tag
    return clean(text.replace("<", " ").replace("[", " "))  # nested on purpose


def count_tokens(text: str) -> int:
    """An estimate that needs no tokenizer and is rather too high: four letters, or one of anything else, is a token."""
    return len(_TOKEN.findall(text)) + (0 if text.isascii() else len(_RARE.findall(text)))


def fit(text: str, tokens: int) -> str:
    """Within `tokens`, cut after a sentence if one ends in the second half; the end says how much was cut."""
    if 2 * len(text) <= tokens:  # a character is two tokens at most
        return text
    total = count_tokens(text)
    if total <= tokens:
        return text
    room = tokens - count_tokens(_note(total, total))
    kept, end = 0, 0
    for piece in _PIECE.finditer(text):
        cost = count_tokens(piece[0])
        if kept + cost > room:
            break
        kept, end = kept + cost, piece.end()
    ends = [found.end() for found in _SENTENCE_END.finditer(text, end // 2, end)]
    head = text[: ends[-1] if ends else end].strip()
    return f"{head} {_note(total - count_tokens(head), total)}".lstrip()


def _note(cut: int, total: int) -> str:
    return f"[{cut} of {total} tokens cut]"


def every_string(value: Any, change: Callable[[str], str]) -> Any:
    """The same structure of dicts and lists with every string changed, keys included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(str(key)): every_string(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [every_string(item, change) for item in value]
    return value


def shorten(value: object, characters: int = 60) -> str:
    """Something a model wrote, as it may be quoted back at it."""
    text = clean(str(value)[: characters * 4])
    return text if len(text) <= characters else f"{text[:characters]}..."
