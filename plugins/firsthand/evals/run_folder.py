"""The folder of one run: everything that its tables are made from, so that they can be made again without a model.

run.json         the benchmark and the YAML of the tools
questions.jsonl  the questions, as asked
answers.jsonl    what a model said, one row per question; an agent has these instead:
episodes.jsonl   what it did and said
blind.jsonl      what it answers to the question alone; shuffled.jsonl and rotated.jsonl with the options reordered
verdicts/        what judges say of open answers, a file each
no_tools.jsonl   the same with the tools switched off
forced.jsonl     its likeliest letter where it gave none without tools
summary.jsonl    what a summary model answers after reading the episodes
results.json     all scores and measures; results.md is for people
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from firsthand import files
from firsthand.errors import UserError, first_problem
from firsthand.evals.benchmarks import SUITE, Benchmark
from firsthand.evals.rows import Gold
from firsthand.evals.seen import MISSING, Seen
from firsthand.evals.ways import ANSWER, AsWritten
from firsthand.llm.price import Price

Row = TypeVar("Row", bound=BaseModel)
FILE = "file"  # the benchmark of a run over a file of questions


class Manifest(BaseModel):
    benchmark: str
    tools: str | None = None  # the YAML, once tools were used
    seen: Seen = {}  # hashes of media, memory and frames
    price: Price | None = None  # of the model's tokens


class Folder:
    def __init__(self, path: Path):
        self.path, self.name = path, path.resolve().name
        self.answers = path / "answers.jsonl"
        self.episodes = path / "episodes.jsonl"
        self.no_tools = path / "no_tools.jsonl"
        self.forced = path / "forced.jsonl"
        self.summary = path / "summary.jsonl"

    @cached_property
    def manifest(self) -> Manifest:
        path = self.path / "run.json"
        if not path.is_file():
            raise UserError(
                f"{self.path}: not the folder of a run: it has no run.json, which `firsthand eval run` writes"
            )
        try:
            return Manifest.model_validate(files.read_json(path))
        except ValidationError as error:
            raise UserError(f"{path}: not written by `firsthand eval run` ({first_problem(error)})") from None

    @property
    def benchmark(self) -> Benchmark:
        name = self.manifest.benchmark
        if name == FILE:
            return of_file(self.path / "questions.jsonl")
        if name not in SUITE:
            raise UserError(f"{self.path}/run.json: {name!r} is not one of {', '.join(SUITE)}")
        return SUITE[name]

    @cached_property
    def questions(self) -> dict[str, dict[str, Any]]:
        """The rows of the questions by id, as asked."""
        return {row["id"]: row for row in files.read_jsonl(self.path / "questions.jsonl")}

    @property
    def golds(self) -> dict[str, Gold]:
        """The questions with a public answer, and what scores are grouped by."""
        return golds_of(self.questions.values())

    def column(self, name: str) -> Path:
        return self.answers if name == ANSWER else self.path / f"{name}.jsonl"

    def begin(
        self,
        benchmark: str,
        questions: Sequence[dict[str, Any]],
        tools: str | None = None,
        seen: Seen | None = None,
        price: Price | None = None,
    ) -> None:
        """Makes the folder, or goes on with one that was begun with the same benchmark, questions and tools.

        More questions than before are fine if they begin with the same ones: that is a larger `--limit`.
        """
        if self.path.is_file():
            raise UserError(f"{self.path} is a file; --out is the folder of a run")
        golds_of(questions)  # a bad answer in the rows is found now, and not after the last question
        asked = self.path / "questions.jsonl"
        if asked.is_file():
            known = self.manifest
            if known.benchmark != benchmark:
                raise UserError(f"{self.path} holds a run of {known.benchmark}; use another --out")
            before = list(self.questions.values())
            if before != list(questions)[: len(before)]:
                raise UserError(f"{self.path} was begun with other questions, or more of them; use another --out")
            if tools and known.tools and tools != known.tools:
                raise UserError(f"{self.path} was begun with another --tools file; use another --out")
            if len(before) == len(questions):
                _same(known.seen, seen or {}, self.path)
            tools, seen, price = tools or known.tools, known.seen | (seen or {}), price or known.price
        manifest = Manifest(benchmark=benchmark, tools=tools, seen=seen or {}, price=price)
        files.write_json(self.path / "run.json", manifest.model_dump())
        files.write_jsonl(asked, questions)
        self.__dict__.pop("manifest", None)
        self.__dict__.pop("questions", None)


def _same(before: Seen, now: Seen, path: Path) -> None:
    """What was missing may come; what was there may not change."""
    for name in before.keys() & now.keys():
        if before[name] != now[name] and MISSING not in before[name]:
            raise UserError(
                f"{path}: the {name} changed since the run was begun ({before[name]}, now {now[name]}); "
                "use another --out, or put back what it saw"
            )


def golds_of(rows: Iterable[dict[str, Any]]) -> dict[str, Gold]:
    golds = {}
    for row in rows:
        if row.get("answer") is not None:
            try:
                golds[row["id"]] = Gold.model_validate(row)
            except ValidationError as error:
                raise UserError(f"{row['id']}: {first_problem(error)}; correct `answer` or `letters`") from None
    return golds


def of_file(questions: Path) -> Benchmark:
    return Benchmark(FILE, f"The questions of {questions}.", questions, AsWritten(), by=("label",))


def read(path: Path, model: type[Row]) -> dict[str, Row]:
    """Rows by id, without a last line that a killed run left half written; empty if there is no file."""
    whole = path.read_bytes().rpartition(b"\n")[0] if path.is_file() else b""
    rows: dict[str, Row] = {}  # each has an id
    for number, line in enumerate(filter(None, whole.split(b"\n")), 1):
        try:
            row = model.model_validate_json(line)
        except ValidationError as error:
            raise UserError(f"{path}:{number}: not a row of `firsthand eval run` ({first_problem(error)})") from None
        rows[row.id] = row  # type: ignore[attr-defined]
    return rows
