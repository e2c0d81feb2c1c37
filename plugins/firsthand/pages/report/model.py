"""What a run hands to the report: `report.json`, strict, so that a misspelt key is an error and not a missing chart."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from firsthand.errors import UserError, problems
from firsthand.evals.compare import Comparison
from firsthand.evals.score import Score
from firsthand.files import read_json

Number = Annotated[float, Field(allow_inf_nan=False)]
Letter = Annotated[str, Field(min_length=1, max_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Stage(_Strict):
    name: str
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Curves(_Strict):
    x: str = "step"
    series: dict[str, Annotated[list[tuple[Number, Number]], Field(min_length=1)]]
    chance: dict[str, Number] = {}  # series -> what guessing gives, drawn as a line

    @model_validator(mode="after")
    def _known(self) -> "Curves":
        if strangers := self.chance.keys() - self.series.keys():
            raise ValueError(f"chance of {sorted(strangers)[0]!r}, which is not a series")
        return self


class Trajectory(_Strict):
    """One question with what each model wrote, in the order in which the models were trained."""

    id: str
    label: str = ""
    question: str
    options: dict[Letter, str] = Field(min_length=2)
    answer: str
    frames: list[str] = []
    outputs: dict[str, str] = Field(min_length=1)
    parts: dict[str, dict[str, Number | None]] = {}  # model -> reward part -> value; None where it was masked

    @model_validator(mode="after")
    def _consistent(self) -> "Trajectory":
        if self.answer not in self.options:
            raise ValueError(f"answer {self.answer!r} is not one of the options {''.join(self.options)!r}")
        if strangers := self.parts.keys() - self.outputs.keys():
            raise ValueError(f"parts of {sorted(strangers)[0]!r}, which has no output")
        return self


class Table(_Strict):
    """Any other table, cells as text."""

    title: str
    head: list[str] = Field(min_length=1)
    rows: list[list[str]]
    note: str = ""

    @model_validator(mode="after")
    def _even(self) -> "Table":
        if any(len(row) != len(self.head) for row in self.rows):
            raise ValueError(f"the table {self.title!r} has rows that are not as long as its head")
        return self


class RunReport(_Strict):
    title: str
    subtitle: str = ""
    seed: int | None = None
    media_root: str = "."  # of frame paths, relative to the folder of the run
    commands: list[str] = []
    stages: list[Stage] = []
    curves: Curves = Curves(series={})
    costs: Curves = Curves(series={})  # the same over what they cost; no series has the name of one above
    table: list[Score] = Field(min_length=1)
    about: str = ""  # what the table shows, where that is not answers with letters
    comparisons: list[Comparison] = []
    tables: list[Table] = []
    links: dict[str, str] = {}  # words -> a page, relative to the folder of the run
    trajectories: list[Trajectory] = []
    notes: list[str] = []

    @model_validator(mode="after")
    def _told_apart(self) -> "RunReport":
        if twice := self.curves.series.keys() & self.costs.series.keys():
            raise ValueError(f"{sorted(twice)[0]!r} is a series of `curves` and of `costs`; name them apart")
        return self


def read_report(run_dir: Path | str) -> RunReport:
    path = Path(run_dir) / "report.json"
    try:
        return RunReport.model_validate(read_json(path))
    except ValidationError as error:
        raise UserError(f"{path}:\n  " + "\n  ".join(problems(error, "the file")[:5])) from None
