"""The folder of one run: everything that its tables are made from, so that they can be made again without a model.

run.json         the benchmark and what the tools were
questions.jsonl  the questions, as asked
episodes.jsonl   what the agent did and said
no_tools.jsonl   the same with the tools switched off
summary.jsonl    what a summary model says after reading the episodes
results.json     the measures of all that, and results.md for people
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from firsthand import files
from firsthand.data.questions import read_questions
from firsthand.errors import UserError
from firsthand.evals.benchmarks import SUITE, Benchmark
from firsthand.evals.rows import Prediction
from firsthand.question import Question
from firsthand.rollout.episodes import Episode
from firsthand.rollout.prompt import eval_row

Row = TypeVar("Row", Episode, Prediction)


class Manifest(BaseModel):
    benchmark: str
    tools: str | None = None  # the YAML, once tools were used


@dataclass(frozen=True)
class Folder:
    path: Path

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def episodes(self) -> Path:
        return self.path / "episodes.jsonl"

    @property
    def no_tools(self) -> Path:
        return self.path / "no_tools.jsonl"

    @property
    def summary(self) -> Path:
        return self.path / "summary.jsonl"

    @cached_property
    def manifest(self) -> Manifest:
        path = self.path / "run.json"
        try:
            return Manifest.model_validate(files.read_json(path))
        except ValidationError as error:
            raise UserError(f"{path}: not written by `firsthand eval run` ({error.errors()[0]['msg']})") from None

    @property
    def benchmark(self) -> Benchmark:
        name = self.manifest.benchmark
        if name not in SUITE:
            raise UserError(f"{self.path}/run.json: {name!r} is none of {', '.join(SUITE)}")
        return SUITE[name]

    @cached_property
    def questions(self) -> dict[str, Question]:
        return read_questions(self.path / "questions.jsonl")

    def begin(self, benchmark: str, questions: dict[str, Question], tools: str | None) -> None:
        """Makes the folder, or goes on with one that was begun with the same benchmark, questions and tools.

        More questions than before are fine if they begin with the same ones: that is a larger `--limit`.
        """
        asked = self.path / "questions.jsonl"
        if asked.is_file():
            known = self.manifest
            if known.benchmark != benchmark:
                raise UserError(f"{self.path} holds a run of {known.benchmark}; use another --out")
            before = list(self.questions.values())
            if before != list(questions.values())[: len(before)]:
                raise UserError(f"{self.path} was begun with other questions, or more of them; use another --out")
            if tools and known.tools and tools != known.tools:
                raise UserError(f"{self.path} was begun with another --tools file; use another --out")
            tools = tools or known.tools
        files.write_json(self.path / "run.json", Manifest(benchmark=benchmark, tools=tools).model_dump())
        files.write_jsonl(asked, map(eval_row, questions.values()))
        self.__dict__.pop("manifest", None)
        self.__dict__.pop("questions", None)


def read(path: Path, model: type[Row]) -> dict[str, Row]:
    """Rows by id, without a last line that a killed run left half; none if there is no file."""
    if not path.is_file():
        return {}
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    rows: dict[str, Row] = {}
    for number, line in enumerate(filter(None, whole.split(b"\n")), 1):
        try:
            row = model.model_validate_json(line)
        except ValidationError as error:
            raise UserError(
                f"{path}:{number}: not a row of `firsthand eval run` ({error.errors()[0]['msg']})"
            ) from None
        rows[row.id] = row
    return rows
