"""Rewards for answers that are one number: the right one, or one that is close.

Strict: the answer tag holds one number and nothing else, as people write numbers: `1,234.5`, `-3`, `2/3`, `1e5`, with a
currency before it, a per cent or degree sign after it, or a full stop. A comma stands between thousands only, so `3,14`
is no number. As Video-R1 published it (`_released`): the first tag is read, every comma is dropped, and an answer
with a decimal mark is wrong where the gold answer has none, and the other way round, so that 42 is not 42.0.
"""

import math
import re

from firsthand.reward_fns.parts import Parts, Sample
from firsthand.reward_fns.texts import released_answer

from firsthand.answers import TO_ASCII

PARTS = Parts()
_PLAIN = r"[-+]?(?:(?:\d{1,3}(?:,\d{3})+|\d{1,30})(?:\.\d{0,30})?|\.\d{1,30})(?:e[-+]?\d{1,2})?"
_NUMBER = re.compile(rf"[$€£¥]?({_PLAIN})(?:/(\d{{1,30}}))?\s?[%°]?\.?", re.ASCII | re.IGNORECASE)
_MOST = 80  # characters
_SMOOTHING = 1e-9


def number(text: str) -> float | None:
    """The one number that a text is, or None."""
    if len(text) > _MOST or not (found := _NUMBER.fullmatch(text.strip().translate(TO_ASCII).replace("−", "-"))):
        return None
    value, below = float(found[1].replace(",", "")), float(found[2] or 1)
    return value / below if below else None


@PARTS.part
def numerical(sample: Sample) -> float:
    """1 for the number of the gold answer, to two decimals, or two digits where it is smaller than 0.1."""
    if (gold := number(sample.gold)) is None:  # a time, a formula: there is no number to be near to
        return sample.answer != "" and sample.answer.casefold() == sample.gold.casefold()
    said = number(sample.answer)
    places = max(2, 1 - math.floor(math.log10(abs(gold)))) if gold else 2
    return said is not None and round(said, places) == round(gold, places)


@PARTS.part
def numerical_released(sample: Sample) -> float:
    """1 for the number of the gold answer to two decimals, as Video-R1's code reads both."""
    answer, gold = released_answer(sample.text), sample.gold
    if _has_mark(answer) != _has_mark(gold):
        return 0.0
    said, wanted = _released_number(answer), _released_number(gold)
    return said is not None and wanted is not None and round(said, 2) == round(wanted, 2)


@PARTS.part
def regression(sample: Sample) -> float:
    """1 less the relative error, and never less than 0. Only a 0 is near to a gold answer of 0."""
    said, gold = number(sample.answer), number(sample.gold)
    if said is None or gold is None or not gold:
        return said is not None and said == gold
    return 1.0 - min(1.0, abs(said - gold) / abs(gold))


@PARTS.part
def regression_released(sample: Sample) -> float:
    """1 less the relative error, as Video-R1's code reads both; NaN, which that code pays in full, earns nothing."""
    said, gold = _released_number(released_answer(sample.text)), _released_number(sample.gold)
    if said is None or gold is None:
        return 0.0
    return 1.0 - min(1.0, (abs(said - gold) + _SMOOTHING) / (abs(gold) + _SMOOTHING))


@PARTS.part
def no_number(sample: Sample) -> float:
    """1 where the answer is not one number, though the gold answer is."""
    return number(sample.answer) is None and (sample.answer == "" or number(sample.gold) is not None)


def _has_mark(text: str) -> bool:
    return "." in text or "," in text


def _released_number(text: str) -> float | None:
    try:
        value = float(text.replace(",", ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
