"""What pydantic refuses, in words."""

import pytest
from pydantic import BaseModel, ValidationError

from firsthand.errors import first_problem, problems


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
