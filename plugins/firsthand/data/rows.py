"""The one row model: a question about first-person video, whatever data set it came from.

Media are paths relative to a media root, never bytes. A pre-sampled video is a list of frames with its true rate.
"""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Split = Literal["train", "dev", "test"]


class Question(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str
    question: str
    options: dict[str, str] = Field(min_length=2)  # letter -> text, in the order shown
    answer: str  # a letter of `options`
    images: list[str] = []
    video: list[str] = []  # frames in order
    fps: float | None = None  # true rate of `video`
    data_source: str
    split: Split
    identity: str | None = None
    query_time: str | None = None
    label: str | None = None  # what is needed to answer: prior, scene, interaction, memory

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.answer not in self.options:
            raise ValueError(f"answer {self.answer!r} is not among the options {list(self.options)}")
        if bool(self.video) != (self.fps is not None):
            raise ValueError("video and fps go together: a frame list needs the rate it was sampled at")
        return self
