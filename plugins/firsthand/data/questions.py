"""The rows of an `eval.jsonl` as questions again: what benchmarks ask, and what teachers begin with."""

from pathlib import Path

from pydantic import ValidationError

from firsthand.errors import UserError, first_problem
from firsthand.files import read_jsonl
from firsthand.question import Question


def read_questions(path: Path) -> dict[str, Question]:
    """The questions of an `eval.jsonl`; each must have options to choose from, and no video that is not sampled yet."""
    questions = read_any_questions(path)
    for number, question in enumerate(questions.values(), 1):
        if not question.options or question.video_file:
            what = "a video file; give it as frames" if question.options else "no options"
            raise UserError(f"{path}: row {number}: {question.id} has {what}")
    return questions


def read_any_questions(path: Path) -> dict[str, Question]:
    questions: dict[str, Question] = {}
    for number, row in enumerate(read_jsonl(path), 1):
        try:
            question = Question.from_eval(row)
        except (ValidationError, AttributeError, TypeError) as error:
            raise UserError(f"{path}: row {number}: {_first(error)}; build it with `firsthand data build`") from None
        if question.id in questions:
            raise UserError(f"{path}: row {number} repeats the id {question.id!r}; ids must be unique")
        questions[question.id] = question
    if not questions:
        raise UserError(f"{path}: no rows")
    return questions


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return first_problem(error, "the row")
    return "not a row of questions"
