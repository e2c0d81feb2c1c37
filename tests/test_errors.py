"""What pydantic refuses, and what the machine does, in words."""

import sqlite3

import pytest
from pydantic import BaseModel, ValidationError

from firsthand.errors import first_problem, message_of, problems


class Part(BaseModel):
    size: int


class Whole(BaseModel):
    parts: list[Part]
    name: str


def test_a_problem_names_its_key() -> None:
    with pytest.raises(ValidationError) as caught:
        Whole.model_validate({"parts": [{"size": "x"}]})
    size, name = problems(caught.value)
    assert size.startswith("parts.0.size: Input should be a valid integer") and name == "name: Field required"
    assert first_problem(caught.value) == size


def test_a_problem_of_the_whole() -> None:
    with pytest.raises(ValidationError) as caught:
        Whole.model_validate(3)
    assert first_problem(caught.value).startswith("Input should be")
    assert first_problem(caught.value, "the row").startswith("the row: Input should be")


def test_faults_of_the_machine_are_messages_and_ours_are_not() -> None:
    told = (OSError(28, "No space left on device"), MemoryError(), RecursionError(), sqlite3.OperationalError("locked"))
    assert all(message_of(error) for error in told)
    assert message_of(UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"))
    ours = (KeyError("x"), TypeError("x"), ValueError("x"), AssertionError(), BrokenPipeError())
    assert [message_of(error) for error in ours] == [None] * len(ours)
