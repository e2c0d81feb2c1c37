"""The letter of a question with options."""

from firsthand.evals.rows import Gold, Prediction


class Choice:
    """1 for the right letter, 0 for another one. Nothing is ever guessed."""

    name = "choice"
    needs_letters = True

    def value(self, answer: Prediction, gold: Gold) -> int | None:
        letter = answer.choice(gold.letters)
        return None if letter is None else int(letter == gold.answer)


class EveryOrder:
    """1 where the right option was chosen in every order of the options, as few guesses are."""

    name = "right in every order"
    needs_letters = True

    def value(self, answer: Prediction, gold: Gold) -> int | None:
        return _all_equal(answer.chosen(gold), gold.answer)


class SameOption:
    """1 where one option was chosen in every order, right or wrong: does the model look at texts, or at letters?"""

    name = "same in every order"
    needs_letters = True

    def value(self, answer: Prediction, gold: Gold) -> int | None:
        chosen = answer.chosen(gold)
        return _all_equal(chosen, next(filter(None, chosen), ""))


def _all_equal(chosen: list[str | None], wanted: str) -> int | None:
    return int(all(letter == wanted for letter in chosen)) if any(chosen) else None


CHOICE = Choice()
IN_ORDERS = (EveryOrder(), SameOption())  # of answers that were asked for in several orders
