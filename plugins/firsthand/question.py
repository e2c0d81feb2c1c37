"""A question about first-person video, from any data set, and a solved one.

Media are paths relative to a media root, never bytes. A video that is already sampled is a list of frames with its true
rate, or images with the time of each. A video file is sampled as the recipe says.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Split = Literal["train", "dev", "test"]
# The names of `rollout.prompt.STYLES`.
StyleName = Literal["choice", "direct", "egocross", "ego_r1", "ego_r1_brief", "ego_r1_native", "video_r1"]
ROUNDING = 0.0021  # seconds; times are written with three decimals


class Question(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str
    question: str = Field(min_length=1)
    options: dict[str, str] = Field(default_factory=dict)  # letter -> text, in order; none: the question is open
    answer: str | None  # a letter of `options`, or the text; None: the answer is not public
    images: list[str] = Field(default_factory=list)
    times: list[float] = Field(default_factory=list)  # seconds of each image, if the images are frames of one video
    video: list[str] = Field(default_factory=list)  # frames in order
    fps: float | None = None  # true rate of `video`
    video_file: str | None = None  # a video that is not sampled yet
    span: list[float] | None = None  # seconds of `video_file`: nothing before the first or from the second on is shown
    style: StyleName = "choice"
    system: str | None = None  # replaces the system prompt of the style
    data_source: str
    split: Split
    identity: str | None = None
    query_time: str | None = None
    label: str | None = None  # what the answer needs: prior, scene, interaction, memory
    labels: dict[str, str | None] = Field(default_factory=dict)  # what else scores are grouped by

    @classmethod
    def from_eval(cls, row: Mapping[str, Any]) -> Self:
        """The question that `rollout.prompt.eval_row` wrote as this row."""
        facts = {key: value for key, value in row.items() if key in FIELDS}
        labels = {key: row[key] for key in row if key not in FIELDS | {"letters", "messages"}}
        return cls(**facts, labels=labels)

    @classmethod
    def from_verl(cls, row: Mapping[str, Any], style: StyleName = "choice") -> Self:
        """The question that `rollout.prompt.verl_row` wrote as this row. The row does not hold its style; the times of
        its images and a system prompt of its own stand in the prompt only."""
        info, (video, *_) = row["extra_info"], row["videos"] or [{}]
        frames = video.get("video")
        if len(letters_of(info)) != len(info["choices"]):
            raise ValueError("as many letters as choices are needed")
        return cls(
            options=options_of(info),
            answer=row["reward_model"]["ground_truth"],
            images=row["images"] or [],
            style=style,
            data_source=row["data_source"],
            labels={key: info[key] for key in info if key not in FIELDS | {"index", "letters", "choices"}},
            **({"video_file": frames} if isinstance(frames, str) else {"video": frames or []}),
            fps=video.get("raw_fps"),
            **{key: info[key] for key in ("id", "question", "split", "identity", "query_time", "label")},
        )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not FIELDS.isdisjoint(self.labels):
            raise ValueError(f"the labels {sorted(FIELDS & self.labels.keys())} are names of fields")
        if len(self.options) == 1:
            raise ValueError("a question has no options or at least two")
        if self.options and self.answer is not None and self.answer not in self.options:
            raise ValueError(f"answer {self.answer!r} is not among the options {list(self.options)}")
        if self.answer == "":
            raise ValueError("the answer is empty")
        if bool(self.video) != (self.fps is not None):
            raise ValueError("video and fps go together: a frame list needs the rate it was sampled at")
        if self.fps is not None and self.fps <= 0:
            raise ValueError(f"fps is {self.fps}")
        if self.span and (self.video_file is None or len(self.span) != 2 or not 0 <= self.span[0] < self.span[1]):
            raise ValueError(f"span {self.span} is not the first and the last second of a video file")
        if self.times and len(self.times) != len(self.images):
            raise ValueError(f"{len(self.times)} times for {len(self.images)} images")
        if self.times and any(later <= earlier for earlier, later in pairwise(self.times)):
            raise ValueError(f"the times of the images do not rise: {self.times}")
        return self

    def as_video(self) -> Self | None:
        """The same question with its images as one frame list; None if no rate gives the images their times."""
        if not self.times or self.times[0] != 0:
            return None
        gaps = [later - earlier for earlier, later in pairwise(self.times)]
        if gaps and max(gaps) - min(gaps) > ROUNDING:
            return None
        fps = round(len(gaps) / self.times[-1], 4) if gaps else 1.0
        return self.model_copy(update={"images": [], "times": [], "video": self.images, "fps": fps})


FIELDS = frozenset(Question.model_fields)


def letters_of(extra_info: Mapping[str, Any] | None) -> str:
    """The letters of a veRL row; an open question has none. Rows of other projects may not say: these are A to D."""
    letters = (extra_info or {}).get("letters")
    return "ABCD" if letters is None else letters


def options_of(extra_info: Mapping[str, Any]) -> dict[str, str]:
    """Letter and text of each option of a veRL row, as far as the row says."""
    choices = extra_info.get("choices")
    return dict(zip(letters_of(extra_info), map(str, () if choices is None else choices), strict=False))


class Step(BaseModel):
    """One call of a tool: the thought before it, and what came back."""

    thought: str = ""
    tool: str = Field(min_length=1)
    arguments: dict[str, Any]
    observation: str


class Solved(BaseModel):
    """A question with the steps to its answer, for supervised fine-tuning."""

    question: Question
    steps: list[Step] = Field(default_factory=list)
    thought: str = ""  # the thought before the answer

    @model_validator(mode="after")
    def _answered(self) -> Self:
        if self.question.answer is None:
            raise ValueError("the answer of this question is not public: it cannot be learnt from")
        return self
