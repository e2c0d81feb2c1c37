"""The rows that evaluation reads: questions to ask, and the answers they are scored by.

One file may serve as both. Its messages are strict (`llm.messages`); a row may have any other key, to group by.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from firsthand.answers import answer_text, extract_choice
from firsthand.errors import UserError
from firsthand.evals.lenient import after_thought, read_leniently
from firsthand.evals.single_turn import votes
from firsthand.files import read_jsonl
from firsthand.llm.messages import Prompted

NO_GROUP = "(none)"


class Gold(BaseModel):
    """What a question is scored by: a letter, or a text where it has no letters. Scores can be grouped by every other
    key of its row."""

    model_config = ConfigDict(extra="allow")
    id: str = Field(min_length=1)
    answer: str = Field(min_length=1)
    letters: str = "ABCD"

    @model_validator(mode="after")
    def _answerable(self) -> "Gold":
        if self.letters and (len(self.answer) != 1 or self.answer not in self.letters):
            raise ValueError(f"answer {self.answer!r} is not one of the letters {self.letters!r}")
        return self

    @property
    def options(self) -> dict[str, str]:
        """The texts of the options by letter, if the row has them."""
        found = (self.model_extra or {}).get("options")
        return {str(key): str(text) for key, text in found.items()} if isinstance(found, dict) else {}

    def group(self, key: str) -> str:
        value = (self.model_extra or {}).get(key)
        return NO_GROUP if value is None else str(value)


def groups(keys: Iterable[str], golds: Mapping[str, Gold]) -> list[str]:
    """The keys by which at least one question can be grouped."""
    return [key for key in keys if any(gold.group(key) != NO_GROUP for gold in golds.values())]


class Prediction(BaseModel):
    """What a model said; where the letter was not read from one output (but by a vote, say), the row is `decided`."""

    id: str
    output: str
    decided: bool = False  # then `letter` is the answer; None: it gave none
    letter: str | None = None
    outputs: list[str] = []  # of a vote, in the order of its ballots
    orders: list[str] = []  # the order of the options that each output was asked in, where the row says it
    settings: dict[str, Any] = {}
    verdict: dict[str, float] | None = None  # of a judge, by the name of what it says

    def choice(self, letters: str) -> str | None:
        return self.letter if self.decided else extract_choice(self.output, letters)

    @property
    def text(self) -> str:
        """The answer in words: what stands in its tag, and without tags what follows the thought."""
        tagged = answer_text(self.output)
        return after_thought(self.output).strip() if tagged is None else tagged

    def asked_in(self, letters: str) -> list[str]:
        """The order of the options for each output of a vote."""
        method, rotate = self.settings.get("method", "letter"), self.settings.get("rotate", False)
        return self.orders or votes.orders(letters, method, rotate)

    def chosen(self, gold: Gold) -> list[str | None]:
        """The option that each output of a vote chose, by the question's own letters."""
        asked = zip(self.outputs, self.asked_in(gold.letters), strict=False)
        return [votes.own(output, gold.letters, order, gold.options) for output, order in asked]

    def leniently(self, gold: Gold) -> "Prediction":
        """The same answer as the lenient reader has it; where the strict one read a letter, that stays."""
        letter = self.choice(gold.letters)
        if letter is None and self.outputs:
            letter = votes.read_again(self.outputs, self.asked_in(gold.letters), gold.letters, gold.options)
        elif letter is None:
            letter = read_leniently(self.output, gold.letters, gold.options)
        return self.model_copy(update={"decided": True, "letter": letter})


Row = TypeVar("Row", Prompted, Gold, Prediction)


def answers_of(path: Path) -> Path:
    """The file of answers: that of a run, if `path` is the folder of one."""
    return path / "answers.jsonl" if path.is_dir() else path


def read_rows(path: Path | str, model: type[Row]) -> dict[str, Row]:
    return as_rows(path, read_jsonl(path), model)


def as_rows(path: Path | str, contents: Iterable[Any], model: type[Row]) -> dict[str, Row]:
    """The rows of a JSONL file by id, in order; the first bad or repeated row is an error that names row and key."""
    rows: dict[str, Row] = {}
    for number, content in enumerate(contents, 1):
        try:
            row = model.model_validate(content)
        except ValidationError as error:
            first = max(error.errors(), key=lambda item: len(item["loc"]))  # deepest: content may also be a string
            key = ".".join(map(str, first["loc"])) or "the row"
            raise UserError(f"{path}: row {number}: {key}: {first['msg']}") from None
        if row.id in rows:
            raise UserError(f"{path}: row {number} repeats the id {row.id!r}; ids must be unique")
        rows[row.id] = row
    if not rows and model is not Prediction:
        raise UserError(f"{path}: no rows")
    return rows
