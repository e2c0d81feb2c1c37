"""Speak or stay silent: was the assistant right to interrupt? Scored by F1, as Meta's EgoProactive is.

An answer interrupts where its text begins with `$interrupt$`; anything else is silence, as in the starter kit. What is
said then is not scored. F1 is over all moments together, so a run over the first questions alone is no estimate of it.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from firsthand.data.build.releases.wearable_ai import INTERRUPT
from firsthand.evals.rows import Gold, Prediction


def speaks(text: str) -> bool:
    return text.lstrip().startswith(INTERRUPT)


class SpeakF1:
    """The mean of the F1 of speaking and that of silence. A moment that was never answered counts as the wrong one."""

    name = "macro-F1"
    needs_letters = False

    def value(self, answer: Prediction, gold: Gold) -> int:
        return int(speaks(answer.text) == speaks(gold.answer))

    def counts(self, answer: Prediction | None, gold: Gold) -> tuple[float, ...]:
        """Spoke rightly, spoke wrongly, silent rightly, silent wrongly."""
        wanted = speaks(gold.answer)
        said = speaks(answer.text) if answer else not wanted
        return (said and wanted, said and not wanted, not said and not wanted, not said and wanted)

    def of(self, sums: Any) -> Any:
        speaking, silence = self._each(sums)
        return (speaking + silence) / 2

    def _each(self, sums: Any) -> tuple[Any, ...]:
        """F1 of speaking and of silence: what is wrong for the one is wrong for the other."""
        spoke, wrongly, silent, missed = np.moveaxis(np.asarray(sums, float), -1, 0)
        errors = wrongly + missed
        return tuple(2 * right / np.maximum(2 * right + errors, 1e-9) for right in (spoke, silent))


class SpeakGeometric(SpeakF1):
    """The geometric mean of the two F1, which the starter kit prints beside."""

    name = "G-mean F1"

    def of(self, sums: Any) -> Any:
        speaking, silence = self._each(sums)
        return np.sqrt(speaking * silence)


def by_history(sessions: Iterable[Sequence[bool]], order: int = 5) -> float:
    """Macro-F1 of looking at no video: of each moment, what most often followed the same last `order` labels in the
    other sessions. The labels before a moment stand in its dialogue, so whatever sees that can do as well."""
    seen: dict[tuple[bool, ...], list[int]] = {}
    windows = [
        [(tuple(session[max(0, place - order) : place]), label) for place, label in enumerate(session)]
        for session in sessions
    ]
    for session in windows:
        for before, label in session:
            seen.setdefault(before, [0, 0])[label] += 1
    sums = np.zeros(4)
    for session in windows:
        own: dict[tuple[bool, ...], list[int]] = {}
        for before, label in session:
            own.setdefault(before, [0, 0])[label] += 1
        for before, label in session:
            silent, spoken = np.subtract(seen[before], own[before])
            said = spoken > silent
            sums += (said and label, said and not label, not said and not label, not said and label)
    return float(SPEAK_F1.of(sums))


SPEAK_F1, SPEAK_GEOMETRIC = ALL = SpeakF1(), SpeakGeometric()
