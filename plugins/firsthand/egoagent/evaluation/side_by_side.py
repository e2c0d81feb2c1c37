"""Several evaluations beside one another, such as those of five seeds, and how many of them hold the bars of the small
world `rounds`."""

from collections.abc import Sequence
from typing import NamedTuple

from firsthand.egoagent.evaluation.results import Results, Row, Table, cells, markdown_table
from firsthand.errors import UserError

FEW = "kNN of room, bank of 120"
WITHIN, MOTION = "next state, within the clip", "motion, teacher-forced"
OF_BEST, BY_HORIZON = "of the best trivial", "by horizon, of the best trivial"


class Bar(NamedTuple):
    name: str
    bar: str
    value: float
    held: bool


def found(results: Results, title: str) -> Table:
    if (table := results.table(title)) is None:
        raise UserError(f"{results.checkpoint}: its evaluation has no table {title!r}; was the world whole?")
    return table


def bars(results: Results) -> list[Bar]:
    """How far a model is above what needs no training, or what cannot see; of errors, how far below."""
    knn = {row.name: row.value for row in found(results, FEW).rows if row.more["k"] == 10}
    state = {row.name: row.value for row in found(results, WITHIN).rows}
    motion = next(row.more for row in found(results, MOTION).rows if row.name == "model")
    points = [
        ("kNN of rooms: teacher - pixels", knn["teacher"] - knn["pixels"], 25),
        ("kNN of rooms: teacher - random init", knn["teacher"] - knn["random init"], 35),
        ("next state: predicted - shuffled actions", state["predicted"] - state["shuffled actions"], 35),
    ]
    error, worst = 100 * motion[OF_BEST], 100 * max(motion[BY_HORIZON])
    return [
        *(Bar(name, f"at least {bar} points", value, value >= bar) for name, value, bar in points),
        Bar("error of poses, % of the best trivial", "at most 60", error, error <= 60),
        Bar("the same, of the worst horizon", "below 100", worst, worst < 100),
    ]


def side_by_side(names: Sequence[str], evaluations: Sequence[Results]) -> str:
    parts = []
    for table in evaluations[0].tables:
        rows = [_row(row, table, evaluations) for row in table.rows]
        parts += [f"## {table.title}", "", f"{table.unit}. {table.note}".strip(), ""]
        parts += [*markdown_table(["method", *names], rows), ""]
    if not all(one.table(title) for one in evaluations for title in (FEW, WITHIN, MOTION)):
        return "\n".join(parts)
    measured = [bars(one) for one in evaluations]
    held = sum(all(one.held for one in each) for each in measured)
    rows = [
        [
            each[0].name,
            each[0].bar,
            *(f"{one.value:.1f}" for one in each),
            f"{sum(one.held for one in each)} of {len(each)}",
        ]
        for each in zip(*measured, strict=True)
    ]
    parts += ["## Bars of the small world", "", *markdown_table(["", "bar", *names, "held by"], rows), ""]
    return "\n".join([*parts, f"All bars are held by {held} of {len(measured)}.", ""])


def _row(first: Row, table: Table, evaluations: Sequence[Results]) -> list[str]:
    """A row of kNN is known by its k too."""
    shown = []
    for one in evaluations:
        rows = found(one, table.title).rows
        same = [row for row in rows if (row.name, row.more.get("k")) == (first.name, first.more.get("k"))]
        shown.append(_value(same[0], table) if same else "")
    name = f"{first.name}, k = {first.more['k']}" if "k" in first.more else first.name
    return [name, *shown]


def _value(row: Row, table: Table) -> str:
    _, value, interval, *_ = cells(row, table)
    return f"{value} ({interval})" if interval else value
