"""Options of a question, however their letters are written: `A. x`, `A: x`, `A) x`, `(A) x`, or not at all."""

import re
from string import ascii_uppercase

_LETTERED = re.compile(r"\s*\(?([A-Z])\s?[.):]\s*(.*)", re.DOTALL)
_ON_LINES = re.compile(r"^[ \t]*\(?([A-Z]) ?[.):]", re.MULTILINE)
_IN_A_LINE = re.compile(r"(?<!\S)\(?([A-Z])[.):](?=\s)")


def by_letter(texts: list[str]) -> dict[str, str]:
    """letter -> text, for texts without letters."""
    return _whole(dict(zip(ascii_uppercase, map(str.strip, texts), strict=False)))


def lettered(options: list[str]) -> dict[str, str]:
    """letter -> text, in the order given. Either every option carries its letter, or none does."""
    found = [match for option in options if (match := _LETTERED.fullmatch(option))]
    letters = [match[1] for match in found]
    if sorted(letters) == list(ascii_uppercase[: len(options)]):
        return _whole({match[1]: match[2].strip() for match in found})
    if letters and letters[0] == "A" and len(letters) > 1:
        raise ValueError(f"{len(options)} options carry the letters {', '.join(letters)}")
    return by_letter(options)


def split_text(text: str) -> tuple[str, dict[str, str]]:
    """A question and the options after it, which begin lines or stand in one; no options if the text has none.

    The last A starts them, so that a question may itself hold a line that begins with A.
    """
    text = text.strip()
    for marks in (list(_ON_LINES.finditer(text)), list(_IN_A_LINE.finditer(text))):
        first = max((index for index, mark in enumerate(marks) if mark[1] == "A"), default=len(marks))
        starts = [mark.start() for mark in marks[first:]]
        if len(starts) > 1:
            options = [text[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]
            return text[: starts[0]].strip(), lettered([option.replace("\n", " ") for option in options])
    return text, {}


def begins_an_option(line: str) -> bool:
    return bool(_ON_LINES.search(line) or _IN_A_LINE.search(line))


def _whole(options: dict[str, str]) -> dict[str, str]:
    if empty := [letter for letter, text in options.items() if not text]:
        raise ValueError(f"options without text: {', '.join(empty)}")
    return options
