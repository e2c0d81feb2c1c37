"""The questions of a teacher: those of an `eval.jsonl`, or of the rows that veRL learns from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from firsthand.data.questions import read_questions as read_eval
from firsthand.errors import UserError
from firsthand.question import FIELDS, Question
from firsthand.rollout import prompt


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
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(path).to_pylist()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path}: cannot be read as parquet ({error})") from None
    questions = []
    for number, row in enumerate(rows, 1):
        try:
            questions.append(_of_verl(row))
        except (ValidationError, KeyError, TypeError, ValueError) as error:
            why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
            raise UserError(f"{path}: row {number}: {why}; rows are those of `prompt.verl_row`") from None
    return questions


def _of_verl(row: Mapping[str, Any]) -> Question:
    """The inverse of `prompt.verl_row` for a question in words: its text is what stands before time and options."""
    facts, asked = row["extra_info"], row["prompt"][-1]["content"]
    options = dict(zip(facts["letters"], facts["choices"], strict=True))
    labels = {key: facts[key] for key in facts if key not in FIELDS | {"index", "letters", "choices"}}
    question = Question(
        question=asked.partition(" <timestamp>")[0],
        options=options,
        answer=row["reward_model"]["ground_truth"],
        images=row["images"] or [],
        style="ego_r1",
        data_source=row["data_source"],
        labels=labels,
        **{key: facts[key] for key in ("id", "split", "identity", "query_time", "label")},
    )
    if prompt.question_text(question) != asked:
        raise ValueError(f"{question.id}: its prompt is no question of an agent")
    return question
