"""Chains of a file of questions: the loop of training and evaluation, with a teacher in the place of the student.

The questions are those of an `eval.jsonl`, or of the rows that veRL learns from.
"""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from firsthand.chains.config import Config
from firsthand.chains.teachers import ask_teacher
from firsthand.data.questions import read_questions as read_eval
from firsthand.data.read.rows import Rows
from firsthand.errors import UserError, first_problem
from firsthand.question import Question
from firsthand.rollout import prompt
from firsthand.rollout.episodes import EpisodesSummary
from firsthand.tools.config import load


async def generate(config: Config) -> EpisodesSummary:
    questions, toolbox = read_questions(config.questions), load(config.tools, config.use)
    try:
        return await ask_teacher(config, questions, toolbox)
    finally:
        await toolbox.close()


def read_questions(path: Path) -> list[Question]:
    """Questions in words, each asked of a person's week at some moment."""
    found = _of_parquet(path) if path.suffix == ".parquet" else list(read_eval(path).values())
    for question in found:
        if question.images or question.video:
            raise UserError(f"{path}: {question.id} shows frames; a chain begins with a question in words")
        if not question.identity or not question.query_time:
            raise UserError(f"{path}: {question.id} has no identity or no query_time; tools need both")
    return found


def _of_parquet(path: Path) -> list[Question]:
    questions = []
    for number, row in Rows(path):
        try:
            questions.append(_question(row))
        except (ValidationError, KeyError, TypeError, ValueError) as error:
            why = first_problem(error) if isinstance(error, ValidationError) else error
            raise UserError(f"{path}: row {number}: {why}; rows are those of `prompt.verl_row`") from None
    return questions


def _question(row: dict[str, Any]) -> Question:
    question = Question.from_verl(row, "ego_r1")
    if prompt.question_text(question) != row["prompt"][-1]["content"]:
        raise ValueError(f"{question.id}: its prompt is not a question to an agent")
    return question
