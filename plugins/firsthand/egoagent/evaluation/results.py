"""Results of an evaluation: what is written, and how it is read as tables. Each number has its n and its interval."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from firsthand import files
from firsthand.errors import UserError, first_problem
from firsthand.evals.score import bootstrap_of_mean


class Row(BaseModel):
    """One method on one measure. Frames of a take are right or wrong together: of clips, intervals resample takes."""

    name: str
    value: float
    interval: tuple[float, float] | None = None
    more: dict[str, Any] = {}


class Table(BaseModel):
    title: str
    unit: str  # of `value`
    n: str  # what was counted
    rows: list[Row]
    columns: list[str] = []  # keys of `more` that are shown
    note: str = ""


class Results(BaseModel):
    checkpoint: str
    data: str
    settings: dict[str, Any]
    tables: list[Table]
    left_out: dict[str, str]  # what was not measured: why

    def table(self, title: str) -> Table | None:
        return next((table for table in self.tables if table.title == title), None)


def read_results(path: Path) -> Results:
    try:
        return Results.model_validate(files.read_json(path))
    except ValidationError as error:
        raise UserError(f"{path}: not the results.json of `firsthand egoagent eval`: {first_problem(error)}") from None


def share(name: str, values: Sequence[float], clusters: Sequence[str], **more: Any) -> Row:
    """A mean of shares, in per cent."""
    low, high = bootstrap_of_mean(zip(clusters, values, strict=True))
    mean = sum(values) / max(1, len(values))
    return Row(name=name, value=100 * mean, interval=(100 * low, 100 * high), more=more)


def markdown(results: Results) -> str:
    parts = [f"# {results.checkpoint} on {results.data}", ""]
    for table in results.tables:
        parts += [f"## {table.title}", "", f"n: {table.n}.", *([table.note] if table.note else []), ""]
        parts += [*markdown_table(heads(table), [cells(row, table) for row in table.rows]), ""]
    if results.left_out:
        parts += ["## Not measured", "", *(f"- {what}: {why}" for what, why in results.left_out.items()), ""]
    return "\n".join(parts)


def heads(table: Table) -> list[str]:
    return ["method", table.unit, "95 % interval", *table.columns]


def cells(row: Row, table: Table) -> list[str]:
    interval = "" if row.interval is None else f"{row.interval[0]:.1f} to {row.interval[1]:.1f}"
    value = f"{row.value:.2f}" if table.unit.startswith("cm") else f"{row.value:.1f}"
    return [row.name, value, interval, *(_said(row.more.get(column)) for column in table.columns)]


def _said(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(map(_brief, value))
    return _brief(value) if isinstance(value, float) else str(value)


def _brief(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows)]
