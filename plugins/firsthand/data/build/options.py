"""Options of a question, however their letters are written: `A. x`, `A: x`, `A) x`, `(A) x`, or not at all."""

import re
import string

_LETTERED = re.compile(r"\s*\(?([A-Z])\s?[.):]\s*(\S.*)", re.DOTALL)


def lettered(options: list[str]) -> dict[str, str]:
    """letter -> text, in the order given. Either every option carries its letter, or none does."""
    found = [_LETTERED.fullmatch(option) for option in options]
    letters = [match[1] for match in found if match]
    if sorted(letters) == list(string.ascii_uppercase[: len(options)]):
        return {match[1]: match[2].strip() for match in found if match}
    if letters and letters[0] == "A" and len(letters) > 1:
        raise ValueError(f"{len(options)} options carry the letters {', '.join(letters)}")
    return dict(zip(string.ascii_uppercase, (option.strip() for option in options), strict=False))


def split_text(text: str) -> tuple[str, dict[str, str]]:
    """A question and the options on the lines after it; no options if the text has none.

    The last line that begins with A starts them, so that a question may itself hold such a line.
    """
    lines = text.strip().split("\n")
    starts = [(number, match[1]) for number, line in enumerate(lines) if (match := _LETTERED.fullmatch(line))]
    first = max((index for index, (_, letter) in enumerate(starts) if letter == "A"), default=len(starts))
    run = starts[first:]
    if len(run) < 2:
        return text.strip(), {}
    ends = [number for number, _ in run[1:]] + [len(lines)]
    options = [" ".join(lines[start:end]) for (start, _), end in zip(run, ends, strict=True)]
    return "\n".join(lines[: run[0][0]]).strip(), lettered(options)
