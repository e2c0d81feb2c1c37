"""What a release of data is: where its owner keeps it, under which terms, which of its files hold rows, who reads them.

A converter sees the rows of the release one by one and in order (`pick`), and makes one of our rows of each, in any
process and any order (`convert`). What it cannot read it raises, and the row is listed with the reason. A row that is
whole but not wanted (a wrong answer) is `LeftAside`: it is listed too, and is not a failure.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal, NamedTuple

from firsthand.errors import UserError
from firsthand.question import Question, Solved, Split, StyleName

HUBS = {"hf": "Hugging Face", "modelscope": "ModelScope"}
EGO4D_TERMS = "The videos are Ego4D's: sign its licence and fetch them from there; they are never fetched here."
NOT_TO_TRAIN_ON = "A benchmark: not to train on."
UNVERIFIED = "as stated on the owner's card (not verified)"
Purpose = Literal["sft", "rl", "eval"]


class LeftAside(Exception):
    """A row that can be read and is not wanted, and why."""


class Place(NamedTuple):
    """Where a row stands: the file as a path below the release's folder, and its number there, from 1."""

    file: str
    row: int

    def named(self, id: Any) -> str:
        """An id that is unique within its file only, made unique."""
        return f"{PurePosixPath(self.file).with_suffix('')}/{id}"


class Converter:
    """Makes rows of one release. One object of a build picks, others convert."""

    style: ClassVar[StyleName] = "choice"
    data_source: ClassVar[str]
    split: ClassVar[Split] = "train"
    video_files: ClassVar[bool] = False  # its videos are files, not lists of frames

    def __init__(self, root: Path, purpose: Purpose) -> None:
        self.root, self.purpose = root, purpose
        self.notes: Counter[str] = Counter()  # what a user should know about rows that were kept
        self.texts: dict[str, str] = {}  # small files to write beside the rows

    def pick(self, row: dict[str, Any], place: Place) -> dict[str, Any] | None:
        """The row with what must be known of those before it; None if another row holds all of this one."""
        return row

    def convert(self, row: dict[str, Any], place: Place) -> Question | Solved | list[Question]:
        """A list where a row holds several questions."""
        raise NotImplementedError

    def question(self, id: Any, question: str, **fields: Any) -> Question:
        """A question with what all those of the release share, where the fields do not say otherwise."""
        shared = {"style": self.style, "data_source": self.data_source, "split": self.split}
        return Question(id=str(id), question=question.strip(), **shared | fields)

    def finish(self) -> Iterator[tuple[Place, str]]:
        """Rows that turn out to be unusable only when all are read."""
        return iter(())


@dataclass(frozen=True)
class Hub:
    """Where `firsthand data fetch` gets it; the owner's own names."""

    repo: str
    files: tuple[str, ...] = ()  # patterns; none: everything
    client: Literal["hf", "modelscope"] = "hf"


@dataclass(frozen=True)
class Release:
    name: str
    about: str
    converter: type[Converter]
    inputs: dict[Purpose, tuple[str, ...]]  # patterns of files; the first one that finds any is taken
    terms: str  # what its owner asks for
    licence: str = UNVERIFIED
    hub: Hub | None = None
    home: str = ""  # where its owner keeps it, if its hub does not say all
    family: str = ""  # several releases with one card, in datasets/FAMILY
    rows: int | None = None  # how many the release has, where that is known
    video_rates: tuple[float, ...] = ()  # rates of frame lists that fine-tuning gets a file each of
    under: str | None = None  # its file holds one object, and the rows are in this key of it
    counts: Mapping[str, int] = field(default_factory=dict)  # published, of `all` and of `task: Activity`
    metrics: tuple[str, ...] = ()  # names in `evals/benchmarks.py`: with any, its eval rows are a benchmark
    by: tuple[str, ...] = ()  # labels that its scores are grouped by
    cluster: str | None = None  # label of what is resampled: questions of one value are not independent
    media: str = ""  # where what the questions show comes from; then it is said which of it is missing
    guarded: bool = False  # a test: what is known of its rows keeps them out of every training set

    @property
    def kept_at(self) -> str:
        return self.home or (f"{HUBS[self.hub.client]} {self.hub.repo}" if self.hub else "an unknown place")

    def find(self, src: Path, purpose: Purpose, pattern: str | None = None) -> tuple[Path, list[Path]]:
        """The folder that media paths start from, and the files with rows, in a fixed order."""
        if purpose not in self.inputs:
            raise UserError(f"{self.name} gives no rows for {purpose}: choose --for {' or '.join(self.inputs)}")
        if not src.is_dir():
            raise UserError(f"{src}: no such folder; {self.name} comes from {self.kept_at}")
        patterns = (pattern,) if pattern else self.inputs[purpose]
        for pattern in patterns:
            inside = [src.parent] if pattern.split("/")[0] == src.name else []
            for root in (src, *inside, *sorted(path for path in src.iterdir() if path.is_dir())):
                if files := sorted(path for path in root.glob(pattern) if path.is_file()):
                    return root, files
        others = [f"--for {other}" for other in self.inputs if other != purpose]
        without = f"; without it: {' '.join(others)}" if others else ""
        raise UserError(
            f"{src} holds no {' or '.join(patterns)}, which the rows for {purpose} are made of; name the folder "
            f"as its owner distributes it ({self.kept_at}){without}"
        )
