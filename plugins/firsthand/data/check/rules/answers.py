"""The gold letter against the options: with a letter that is not among them, every answer of a model is wrong."""

import re
from collections import Counter
from collections.abc import Iterator

from firsthand.answers import extract_choice
from firsthand.data.read.sample import Sample
from firsthand.findings import ROW_RULES, InRow

LETTER = ROW_RULES["answer-letter"]
NONE = ROW_RULES["answer-none"]
OPTIONS = ROW_RULES["options"]
OPTION = re.compile(r"^[ \t]*\(?([A-Z])[.:)：．][ \t]*(.*?)[ \t]*$", re.MULTILINE)
BARE = re.compile(r"\s*\(?([A-Za-z])[.:)]?\s*")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def check(sample: Sample) -> Iterator[InRow]:
    asked = next((turn.text for turn in reversed(sample.turns) if turn.role == "user"), "")
    options = OPTION.findall(asked)
    written = "".join(letter for letter, _ in options)
    if not written.startswith("AB"):
        written, options = "", []
    letters = sample.letters or written
    if not letters:
        return
    answer = sample.answer if sample.form != "llamafactory" else _last_words(sample)
    if answer is None:
        return
    letter = _letter(answer)
    if letter is None:
        yield NONE, f"the answer is {answer[-40:]!r}, the options are {letters}"
    elif letter not in letters or (written and letter not in written):
        yield LETTER, f"the answer is {letter}, the options are {written or letters}"
    if written and sample.letters and set(written) != set(sample.letters):
        yield OPTIONS, f"the text offers {written}, the row says {sample.letters}"
    elif written != ALPHABET[: len(written)]:
        yield OPTIONS, f"the letters are {written}"
    for text, count in Counter(text for _, text in options).items():
        if count > 1:
            yield OPTIONS, f"{count} options say {text[:40]!r}"


def _last_words(sample: Sample) -> str | None:
    return sample.turns[-1].text if sample.turns[-1].role == "assistant" else None


def _letter(answer: str) -> str | None:
    found = extract_choice(answer, ALPHABET)
    bare = BARE.fullmatch(answer)
    return found or (bare[1].upper() if bare else None)
