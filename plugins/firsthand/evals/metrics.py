"""What an answer is worth. A benchmark names its metrics; the runner and the tables know only this protocol."""

from typing import Protocol

from firsthand.evals.rows import Gold, Prediction


class Metric(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def needs_letters(self) -> bool:
        """Whether open questions are left out."""

    def value(self, answer: Prediction, gold: Gold) -> float | None:
        """Between 0 and 1; None: the answer cannot be read, which counts as 0 and is counted apart."""


class Choice:
    """1 for the right letter, 0 for another one. Nothing is ever guessed."""

    name = "choice"
    needs_letters = True

    def value(self, answer: Prediction, gold: Gold) -> int | None:
        letter = answer.choice(gold.letters)
        return None if letter is None else int(letter == gold.answer)


CHOICE = Choice()
