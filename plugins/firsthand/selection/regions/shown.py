"""Rows as a finder sees them: the question, and the pictures that are shown with it as they are stored."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from pydantic import ValidationError

from firsthand.data.questions import read_any_questions
from firsthand.data.read.rows import Broken, Rows
from firsthand.errors import UserError, first_problem
from firsthand.llm.reply_cache import key_of
from firsthand.media.paths import inside
from firsthand.media.reading import image_faults, read_clip, spread
from firsthand.question import Question

ANY_SIZE = 1 << 40  # pixels


@dataclass(frozen=True)
class Pictures:
    numbers: tuple[int, ...]  # their places in the row's own list of frames
    frames: list[Image.Image]

    @property
    def size(self) -> tuple[int, int]:
        return self.frames[0].size


@dataclass(frozen=True)
class Shown:
    question: Question

    @property
    def id(self) -> str:
        return self.question.id

    @property
    def messages_sha256(self) -> str:
        """Changes with what is asked and what is shown."""
        return key_of(self.question.model_dump(mode="json"))

    def pictures(self, root: Path, most: int, fps: float) -> Pictures:
        """At most so many, evenly over the row's frames; those of a video file are sampled at `fps` first."""
        if self.question.video_file:
            clip = read_clip(inside(root, self.question.video_file), fps, most, ANY_SIZE, 1)
            return Pictures(tuple(range(len(clip.frames))), clip.frames)
        paths = self.question.images or self.question.video
        if not paths:
            raise UserError("the row has no picture and no video")
        numbers = tuple(spread(len(paths), len(paths), 1.0, most))
        frames = [_opened(root, paths[number]) for number in numbers]
        if len({frame.size for frame in frames}) > 1:
            raise UserError(f"its pictures differ in size; see {paths[0]} and those that follow")
        return Pictures(numbers, frames)


def read_shown(path: Path, label: str = "") -> dict[str, Shown]:
    """The rows of an eval.jsonl or of a parquet file of veRL, by their ids: all, or those with a label."""
    questions = _unique(path) if path.suffix == ".parquet" else read_any_questions(path).values()
    found = {question.id: Shown(question) for question in questions if label in ("", question.label)}
    if not found:
        raise UserError(f"{path}: no row{f' with the label {label}' if label else ''}")
    return found


def _unique(path: Path) -> Iterator[Question]:
    seen: set[str] = set()
    for number, row in Rows(path):
        question = _from_verl(row, f"{path}: row {number}")
        if question.id in seen:
            raise UserError(f"{path}: row {number} repeats the id {question.id!r}; ids must be unique")
        seen.add(question.id)
        yield question


def _from_verl(row: Any, where: str) -> Question:
    if isinstance(row, Broken):
        raise UserError(f"{where}: {row.why}")
    try:
        return Question.from_verl(row)
    except ValidationError as error:
        raise UserError(f"{where}: {first_problem(error, 'the row')}; build it with `firsthand data build`") from None
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{where}: not a row that `firsthand data build` wrote ({error})") from None


def _opened(root: Path, path: str) -> Image.Image:
    with image_faults(path):
        return Image.open(inside(root, path)).convert("RGB")
