"""From a row of a release to rows of our files, in any process: nothing here remembers a row.

What needs the rows in order (`Converter.pick`, ids, the files) stays in the process that reads and writes.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError

from firsthand.data.build import writers
from firsthand.data.build.release import Converter, LeftAside, Place, Purpose
from firsthand.data.leaks.compare import words_key
from firsthand.data.leaks.guard import FramesMissing, Guard
from firsthand.data.read.sample import whole
from firsthand.errors import UserError, first_problem
from firsthand.media.reading import spread
from firsthand.question import Question, Solved, StyleName
from firsthand.rollout import prompt

FILES: dict[Purpose, str] = {"sft": "sft.jsonl", "rl": "rl_train.parquet", "eval": "eval.jsonl"}
DEV = "rl_dev.parquet"  # beside rl_train.parquet, where the release or --hold-out has such a split
WITHOUT = "a file of --without asks the same"
UNREADABLE = (UserError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Options:
    limit: int | None = None  # rows read of each file
    video: bool = False  # frames as one video with its rate, not as images with times
    pattern: str | None = None  # other files than the release's own
    system: str | None = None  # replaces the system prompt
    hold_out: tuple[str, ...] = ()  # people whose questions become the development split
    style: StyleName | None = None  # of an agent, for questions that are asked to one
    without: tuple[str, ...] = ()  # files whose questions must not be learnt from
    max_frames: int | None = None  # images of a question that is learnt from


class Refused(NamedTuple):
    why: str
    wanted: bool = True  # or whole, and left aside


class Made(NamedTuple):
    id: str
    person: str | None
    rows: list[tuple[str, dict[str, Any]]]  # each with the name of its file


@dataclass(frozen=True)
class Batch:
    """Rows on their way to a worker; None stands for one that another row holds whole."""

    file: str  # where they come from
    index: int  # of the first one, among all that are read
    count: int
    rows: Iterable[tuple[int, Any]]  # with their numbers there; only the first `count` are wanted


class Part(NamedTuple):
    """What became of a batch; its rows are named by their numbers."""

    file: str
    ends: list[tuple[int, str | Refused | None]]  # the id that it got, or why it got none
    files: dict[str, tuple[list[int], Any]]  # the rows of each file, packed
    people: set[str]  # who was asked
    notes: Counter[str]


@dataclass
class Work:
    converter: Converter
    purpose: Purpose
    root: Path
    names: list[str]  # of the files that may get rows
    options: Options
    guard: Guard
    without: set[str]  # keys of what the files of `Options.without` ask

    def on(self, batch: Batch) -> Part:
        self.converter.notes = Counter()
        ends: list[tuple[int, str | Refused | None]] = []
        rows: dict[str, tuple[list[int], list[dict[str, Any]]]] = {}
        people: set[str] = set()
        for index, (number, row) in enumerate(islice(batch.rows, batch.count), batch.index):
            end = row
            if row is not None and not isinstance(row, Refused):
                end = attempt(partial(self._made, index), row, Place(batch.file, number))
            if not isinstance(end, list):
                ends.append((number, end))
                continue
            for made in end:
                for name, written in made.rows:
                    numbers, held = rows.setdefault(name, ([], []))
                    numbers.append(number)
                    held.append(written)
                people |= {made.person} if made.person else set()
                ends.append((number, made.id))
        filed = self.converter.video_files
        files = {name: (numbers, writers.pack(name, held, filed)) for name, (numbers, held) in rows.items()}
        return Part(batch.file, ends, files, people, self.converter.notes)

    def _made(self, index: int, row: Any, place: Place) -> list[Made]:
        """One, or several of a row that holds several questions: these are for evaluation, so they need no index."""
        converted = self.converter.convert(whole(row), place)
        made = [self._one(index, each) for each in (converted if isinstance(converted, list) else [converted])]
        if len({one.id for one in made}) < max(1, len(made)):
            raise ValueError("it holds no question, or two of one id")
        return made

    def _one(self, index: int, made: Question | Solved) -> Made:
        question = made.question if isinstance(made, Solved) else made
        if self.purpose != "eval" and (why := self.guard.why_question(question, self.root)):
            raise ValueError(why)
        if self.without and words_key(prompt.question_text(question)) in self.without:
            raise LeftAside(WITHOUT)
        if self.options.style:
            if question.style not in prompt.AGENT_STYLES:
                raise ValueError(f"--style {self.options.style}: the question is not for an agent with tools")
            question.style = self.options.style
        if self.options.system:
            question.system = self.options.system
        if question.identity in self.options.hold_out:
            question.split = "dev"
        return Made(question.id, question.identity, [_storable(row) for row in self._rendered(question, made, index)])

    def _rendered(
        self, question: Question, made: Question | Solved, index: int
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """The rows that go into each file."""
        name, video = FILES[self.purpose], question.as_video()
        if isinstance(made, Solved) and self.purpose == "sft":
            turns = prompt.solution(made)
            yield name, prompt.sharegpt_row(self._thinned(question), turns)
            if video and (view := video_file(video.fps or 0)) in self.names:
                yield view, prompt.sharegpt_row(video, turns)
            elif question.times:
                self.converter.notes["frames at a rate of their own: only in sft.jsonl"] += 1
            return
        if self.options.video and question.times:
            if video is None:
                self.converter.notes["frames without an even rate: images with times, not a video"] += 1
            question = video or question
        if self.purpose == "eval":
            yield name, prompt.eval_row(question)
        else:
            yield (DEV if question.split == "dev" else name), prompt.verl_row(self._thinned(question), index)

    def _thinned(self, question: Question) -> Question:
        """The first of too many frames, the last one and others evenly between them, each with its own time. Images
        that are no frames of one video all stay: the question may name them one by one."""
        most, total = self.options.max_frames, len(question.images)
        if not most or total <= most or not (question.times or prompt.STYLES[question.style].numbered):
            return question
        self.converter.notes[f"questions with more than {most} frames: {most} of them as images"] += 1
        chosen = spread(total, total, 1.0, most)
        times = [question.times[number] for number in chosen] if question.times else []
        return question.model_copy(update={"images": [question.images[number] for number in chosen], "times": times})


def attempt(action: Callable[[Any, Place], Any], row: Any, place: Place) -> Any:
    """What `action` makes of the row, or why it cannot."""
    try:
        return action(row, place)
    except LeftAside as why:
        return Refused(str(why), wanted=False)
    except FramesMissing as why:
        raise UserError(f"{place.file}: row {place.row}: {why}") from None
    except UNREADABLE as error:
        return Refused(_reason(error, row))


def _storable(row: tuple[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """A row that its file cannot hold must not take those around it along: it is found before they are packed."""
    try:
        orjson.dumps(row[1])
    except TypeError as error:
        raise ValueError(f"it cannot be written ({error})") from None
    return row


def video_file(fps: float) -> str:
    """The file of frame lists at one rate: LLaMA-Factory knows one rate a run."""
    return f"sft_video_{fps:g}fps.jsonl"


def _reason(error: Exception, row: Any) -> str:
    if isinstance(error, ValidationError):
        return first_problem(error).removeprefix("Value error, ")
    if isinstance(error, KeyError):
        return f"the key {error} is missing"
    if isinstance(error, TypeError | AttributeError | IndexError):
        odd = [key for key, value in row.items() if value in (None, "", [], {})]
        return f"a value is not of the release's form ({error}); look at: {', '.join(odd) or 'the types of its values'}"
    return str(error)
