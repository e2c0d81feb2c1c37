"""The strict reader of a model's answer: rewards, evaluation and submissions all call it, so they cannot disagree. (A
second score of evaluation is more lenient, `evals/lenient.py`.)

It is strict and never guesses. The answer stands in the last complete `<answer>...</answer>`: an opening tag and its
closing tag, in lower case, with no other answer tag between them. Inside, after stripping white space, there is one
letter: alone, with a full stop (`B.`) or in parentheses (`(B)`). Anything else is None, and so is a text without the
tags. A letter in the middle of a sentence is not an answer: picking one out of "not A but B" would be a coin toss, and
the toss would be rewarded. An open question has no letters, so no answer to it is ever read as a letter.

Two forms are allowed because they leave no doubt about the letter that is meant. A lower-case letter is read as its
capital, unless the question has both. The full-width forms of Chinese text (`Ｂ`, `（Ｂ）`, `Ｂ。`) are read as their
ASCII twins. The time is linear in the length of any text.

Some benchmarks ask for a bare letter and no tags. `extract_letter` reads those: the tag where there is one, else a JSON
object with a `prediction`, else one line that is a letter, or a letter and words of its option (`B. the cup`). What
follows the letter must be about that option: "A. Smith wrote the label" and "A: I see no cup" begin with no answer.
"""

import re
from collections.abc import Mapping
from functools import cache

_ANSWER_TAG = re.compile(r"(</?answer>)")
_LETTER = re.compile(r"\((\S)\)|(\S)\.?")
_PREDICTION = re.compile(r'"prediction"\s*:\s*"([^"]*)"')
_OPTION = re.compile(r"(?:\((\S)\)|(\S)[.:)])\s(?P<said>[^\n]+)|(\S)[.:)]?")
_WORD = re.compile(r"\w+")
_ARTICLES = {"a", "an", "the"}
_ANOTHER = re.compile(r"\s\(?([A-Z])[.:)](?=\s|$)")  # a further option in the line
TO_ASCII = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {ord("。"): "."}


def extract_choice(text: str, letters: str = "ABCD") -> str | None:
    """The one letter of `letters` that `text` answers with, or None if it does not give exactly one."""
    answer = answer_text(text)
    return None if answer is None else _letter(answer, letters)


def answer_text(text: str) -> str | None:
    """What stands in the last complete answer tag, without white space around it; None without one."""
    parts = _ANSWER_TAG.split(text)  # text, tag, text, tag, ..., text
    tags = parts[1::2]
    for i in range(len(tags) - 1, 0, -1):
        if tags[i - 1] == "<answer>" and tags[i] == "</answer>":
            return parts[2 * i].strip()
    return None


def extract_letter(text: str, options: Mapping[str, str]) -> str | None:
    """The answer to a prompt that asks for a bare letter, or None if it does not give exactly one; `options` are those
    that were shown, by letter."""
    letters = "".join(options)
    if "<answer>" in text:
        return extract_choice(text, letters)
    if predictions := _PREDICTION.findall(text):
        return _letter(predictions[-1].strip(), letters)
    line = text.strip().translate(TO_ASCII)
    if not (match := _OPTION.fullmatch(line)) or any(one in letters for one in _ANOTHER.findall(line)):
        return _letter(line, letters)
    letter = _letter(next(filter(None, match.groups())), letters)
    return letter if letter and (not match["said"] or _is_about(letter, match["said"], options)) else None


def _is_about(letter: str, said: str, options: Mapping[str, str]) -> bool:
    """Whether a text begins to copy the option of this letter, or shares at least as many words with it as with any
    other one. Words that all options have tell nothing."""
    if options[letter].casefold().startswith(said.casefold()):
        return True
    words, found = {key: _words(option) for key, option in options.items()}, _words(said)
    told = {word for word in found if any(word not in own for own in words.values())}
    shared = {key: len(told & own) for key, own in words.items()}
    return shared[letter] > 0 and shared[letter] == max(shared.values())


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.translate(TO_ASCII).casefold())) - _ARTICLES


def _letter(content: str, letters: str) -> str | None:
    if len(content) > 3 or not (match := _LETTER.fullmatch(content.translate(TO_ASCII))):
        return None
    letter = match[1] or match[2]
    if letter not in letters and letter.isascii():  # not beyond ASCII: the capital of a dotless i is a plain I
        letter = letter.upper()
    return letter if letter in letters else None


def has_format(text: str, blocks: tuple[str, ...] = ("think", "answer")) -> bool:
    """Whether `text` is `<think>...</think>` and `<answer>...</answer>`, or other `blocks` of the same kind, each once,
    in this order, and with only white space around them."""
    parts = _tags(blocks).split(text)
    tags, outside = parts[1::2], parts[0::4]
    wanted = [tag for name in blocks for tag in (f"<{name}>", f"</{name}>")]
    return tags == wanted and not any(part.strip() for part in outside)


@cache
def _tags(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(</?(?:{'|'.join(names)})>)")
