"""The same questions, changed: without what they show, or with their options in another order."""

import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from firsthand.errors import UserError, first_problem
from firsthand.evals.single_turn import votes
from firsthand.question import Question

NOTHING: dict[str, Any] = {"images": [], "times": [], "video": [], "fps": None, "video_file": None, "span": None}
_PLACEHOLDERS = ("<image>", "<video>")


def blind(question: Question) -> Question:
    """The question alone, in its own words."""
    words = question.question
    for placeholder in _PLACEHOLDERS:
        words = words.replace(placeholder, "")
    return question.model_copy(update=NOTHING | {"question": words.strip()})


def shuffled(letters: str, id: str) -> str:
    """Another order of the options, always the same one for a question."""
    order, rng = letters, random.Random(id)
    while order == letters:
        order = "".join(rng.sample(letters, len(letters)))
    return order


def orders_of(path: Path, rows: Iterable[Mapping[str, Any]], rotated: bool) -> dict[str, tuple[Question, list[str]]]:
    """By id: the question, and the orders in which its options are shown."""
    found = {}
    for question in read(path, rows):
        if not (letters := "".join(question.options)):
            raise UserError(f"{path}: {question.id} is an open question: it has no options to put in another order")
        orders = votes.orders(letters, "letter", True) if rotated else [shuffled(letters, question.id)]
        found[question.id] = question, orders
    return found


def read(path: Path, rows: Iterable[Mapping[str, Any]]) -> list[Question]:
    """The questions of rows that say more than their messages."""
    questions = []
    for number, row in enumerate(rows, 1):
        try:
            questions.append(Question.from_eval(row))
        except (ValidationError, AttributeError, TypeError) as error:
            why = first_problem(error, "the row") if isinstance(error, ValidationError) else "not a question"
            fix = "it cannot be asked changed; build the rows with `firsthand data build`"
            raise UserError(f"{path}: row {number}: {why}; {fix}") from None
    return questions
