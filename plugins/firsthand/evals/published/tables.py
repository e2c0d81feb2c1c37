"""Published numbers as facts in `tables.yaml`, each with its source and how sure it is; and our runs below them.

The two never stand in one row or one table: who asks other questions in another way measures something else.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from firsthand.errors import UserError
from firsthand.evals.results import results
from firsthand.evals.run_folder import Folder
from firsthand.evals.score import Score, Tally
from firsthand.evals.tables import Grid
from firsthand.files import read_yaml

FACTS = Path(__file__).with_name("tables.yaml")
Evidence = Literal["paper", "readme", "issue", "figure", "third party"]
SAID = {
    "paper": "published: paper",
    "readme": "published: README",
    "issue": "published: issue",
    "figure": "read off a figure",
    "third party": "unverified: third party",
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Row(_Strict):
    evidence: Evidence
    values: list[float | None]


class By(_Strict):
    """Columns that are groups of one benchmark, by a key of its questions."""

    benchmark: str
    key: str


class Published(_Strict):
    title: str
    source: str
    evidence: Evidence
    measure: str
    by: By | None = None
    columns: dict[str, list[str]]  # the benchmarks of ours whose runs stand below
    rows: dict[str, Row]
    differences: list[str]

    @model_validator(mode="before")
    @classmethod
    def _short_rows(cls, content: dict) -> dict:
        """A row that is only its values has the evidence of the table."""
        rows = content.get("rows", {})
        told = {"evidence": content.get("evidence")}
        rows = {name: row if isinstance(row, dict) else told | {"values": row} for name, row in rows.items()}
        return content | {"rows": rows}

    @model_validator(mode="after")
    def _square(self) -> "Published":
        for name, row in self.rows.items():
            if len(row.values) != len(self.columns):
                raise ValueError(f"{name}: {len(row.values)} values for {len(self.columns)} columns")
        return self

    @property
    def benchmarks(self) -> list[str]:
        return list(dict.fromkeys(name for names in self.columns.values() for name in names))


@cache
def published() -> dict[str, Published]:
    return {name: Published.model_validate(content) for name, content in read_yaml(FACTS).items()}


def named(run: Path) -> Published | None:
    """The published table of this name; None: it is the folder of a run."""
    if (run / "run.json").is_file():
        return None
    if not run.exists() and str(run) not in published():
        raise UserError(f"{run}: neither the folder of a run nor a published table, which are {', '.join(published())}")
    return published().get(str(run))


def grids(facts: Published, runs: Sequence[Folder]) -> list[Grid]:
    head = ["", "evidence", *facts.columns]
    rows = [
        [name, SAID[row.evidence], *("–" if value is None else str(value) for value in row.values)]
        for name, row in facts.rows.items()
    ]
    theirs = Grid(f"PUBLISHED, not measured here: {facts.title} ({facts.measure})", head, rows)
    ours = Grid("OURS: with 95 % intervals and n", ["", "benchmark", *facts.columns], _ours(facts, runs))
    return [theirs, ours] if ours.rows else [theirs]


def _ours(facts: Published, runs: Sequence[Folder]) -> list[list[str]]:
    rows = []
    for run in runs:
        name = run.manifest.benchmark
        if name not in facts.benchmarks:
            raise UserError(f"{run.path} is a run of {name}; this table has {', '.join(facts.benchmarks)}")
        for column, score in results(run).scores.items():
            cells = [_cell(score, title, facts.by) if name in of else "" for title, of in facts.columns.items()]
            rows.append([f"{run.name}: {column}", name, *cells])
    return rows


def _cell(score: Score, title: str, by: By | None) -> str:
    tally: Tally | None = score
    if by and title != "all":
        tally = score.by.get(f"{by.key}: {title}")
    if not tally or not tally.n:
        return "–"
    low, high = tally.bootstrap or tally.interval
    return f"{100 * tally.accuracy:.{score.decimals}f} ({100 * low:.1f}–{100 * high:.1f}), n = {tally.n}"


def notes(facts: Published, runs: Sequence[Folder]) -> list[str]:
    """Source, differences of protocol, and what is not there to be put beside it."""
    lines = [f"source: {facts.source}", *(f"differs: {difference}" for difference in facts.differences)]
    there = {run.manifest.benchmark for run in runs}
    for name in facts.benchmarks:
        if name not in there:
            how = f"firsthand eval run {name} --model MODEL --out runs/{name}/MODEL"
            lines.append(f"no run of {name}: {how}")
    if other := [title for title, names in facts.columns.items() if not names]:
        lines.append(f"not asked by firsthand: {', '.join(other)}")
    return lines


def runs_below(folder: Path, facts: Published) -> list[Folder]:
    """Every run of the table's benchmarks in a folder of runs, by name."""
    found = [Folder(path.parent) for path in sorted(folder.glob("**/run.json"))]
    return [run for run in found if run.manifest.benchmark in facts.benchmarks]
