"""The rows that evaluation reads: questions to ask, and the answers they are scored by.

One file may serve as both. The parts of a message are strict, because a key that nobody reads (a pixel budget, say)
would change what the model sees in training and not here; the rest of a row is free and may carry labels to group by.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from firsthand.errors import UserError
from firsthand.evals.extract import extract_choice
from firsthand.files import read_jsonl

NO_GROUP = "(none)"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Text(_Strict):
    type: Literal["text"]
    text: str


class Image(_Strict):
    type: Literal["image"]
    image: str  # a path below the media root


class Video(_Strict):
    type: Literal["video"]
    video: list[str] | str  # frames that were sampled already, in order of time; or a file, sampled as it is asked
    fps: float | None = Field(None, gt=0)  # of a list: frame i was taken i / fps seconds after the first

    @model_validator(mode="after")
    def _frames_or_file(self) -> "Video":
        if not self.video:
            raise ValueError("a video is a list of frames or a file, this one is empty")
        if isinstance(self.video, str) == (self.fps is not None):
            raise ValueError("a list of frames has its fps, a video file has none: it is sampled as the recipe says")
        return self


Part = Annotated[Text | Image | Video, Field(discriminator="type")]


class Message(_Strict):
    role: Literal["system", "user", "assistant"]
    content: str | list[Part]

    @property
    def parts(self) -> list[Part]:
        return [] if isinstance(self.content, str) else self.content


class Question(BaseModel):
    id: str = Field(min_length=1)
    messages: list[Message] = Field(min_length=1)
    letters: str = Field("ABCD", min_length=1)

    @property
    def videos(self) -> list[Video]:
        return [part for message in self.messages for part in message.parts if isinstance(part, Video)]

    @property
    def video_file(self) -> str | None:
        return next((part.video for part in self.videos if isinstance(part.video, str)), None)

    @property
    def messages_sha256(self) -> str:
        content = [message.model_dump() for message in self.messages]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @model_validator(mode="after")
    def _one_fps(self) -> "Question":
        if len(rates := {part.fps for part in self.videos if part.fps}) > 1:
            raise ValueError(f"videos of different fps {sorted(rates)}: a server takes one fps a request")
        if self.video_file and len(self.videos) > 1:
            raise ValueError("several videos, one of them a file: a server takes the times of one video a request")
        return self


class Gold(BaseModel):
    """What a question is scored by; every other key of its row can be grouped by."""

    model_config = ConfigDict(extra="allow")
    id: str = Field(min_length=1)
    answer: str
    letters: str = Field("ABCD", min_length=1)

    @field_validator("answer")
    @classmethod
    def _one_letter(cls, answer: str) -> str:
        if len(answer) != 1:
            raise ValueError("must be one letter")
        return answer

    @model_validator(mode="after")
    def _answerable(self) -> "Gold":
        if self.answer not in self.letters:
            raise ValueError(f"answer {self.answer!r} is not one of the letters {self.letters!r}")
        return self

    def group(self, key: str) -> str:
        value = (self.model_extra or {}).get(key)
        return NO_GROUP if value is None else str(value)


class Prediction(BaseModel):
    """What a model said; a run that decides otherwise than by reading one output (a vote, say) stores its `decided`."""

    id: str
    output: str
    decided: bool = False  # then `letter` is the answer, and None is no answer
    letter: str | None = None

    def choice(self, letters: str) -> str | None:
        return self.letter if self.decided else extract_choice(self.output, letters)


Row = TypeVar("Row", Question, Gold, Prediction)


def read_rows(path: Path | str, model: type[Row]) -> dict[str, Row]:
    """The rows of a JSONL file by id, in order; the first bad or repeated row is an error that names row and key."""
    rows: dict[str, Row] = {}
    for number, row in enumerate(_validated(path, model), 1):
        if row.id in rows:
            raise UserError(f"{path}: row {number} repeats the id {row.id!r}; ids must be unique")
        rows[row.id] = row
    if not rows and model is not Prediction:
        raise UserError(f"{path}: no rows")
    return rows


def _validated(path: Path | str, model: type[Row]) -> Iterator[Row]:
    for number, row in enumerate(read_jsonl(path), 1):
        try:
            yield model.model_validate(row)
        except ValidationError as error:
            first = max(error.errors(), key=lambda item: len(item["loc"]))  # deepest: content may also be a string
            key = ".".join(map(str, first["loc"])) or "the row"
            raise UserError(f"{path}: row {number}: {key}: {first['msg']}") from None
