"""Rows of any scores file that an expression keeps, and the rows of a data set that they name."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firsthand.errors import UserError
from firsthand.files import read_jsonl, spare, write_jsonl
from firsthand.selection.expressions import Expression, Unknown
from firsthand.selection.pool import Pool


@dataclass
class Filtered:
    kept: list[dict[str, Any]] = field(default_factory=list)
    rows: int = 0
    unknown: dict[str, int] = field(default_factory=dict)  # name -> rows that say nothing of it
    early: int = 0  # kept or dropped by scores of fewer samples than the others


def filtered(scores: Path, text: str) -> Filtered:
    expression, out, rows = Expression(text), Filtered(), list(_rows(scores))
    expression.check({key for row in rows for key in row})
    sampled = expression.names & {"full", "blind", "masked", "gain", "drop"}
    for row in rows:
        out.rows += 1
        out.early += bool(sampled and row.get("stopped_early"))
        try:
            if expression(row):
                out.kept.append(row)
        except Unknown as name:
            out.unknown[str(name)] = out.unknown.get(str(name), 0) + 1
    return out


def _rows(scores: Path) -> Iterator[dict[str, Any]]:
    number = 0
    for number, row in enumerate(read_jsonl(scores), 1):
        if not isinstance(row, dict):
            raise UserError(f"{scores}: row {number} is not a JSON object")
        yield row
    if not number:
        raise UserError(f"{scores}: no rows")


def write(found: Filtered, scores: Path, data: Path | None, out: Path) -> int:
    """The rows that are kept, or the rows of a data set with their ids."""
    if data is None:
        spare([scores], out)
        write_jsonl(out, found.kept)
        return len(found.kept)
    if out.suffix != data.suffix:
        raise UserError(f"{out}: rows of {data} stay in its format; name it *{data.suffix}")
    ids, pool = {str(row.get("id")) for row in found.kept}, Pool(data, None)
    numbers = {row.number for row in pool if row.id in ids}
    if not numbers:
        raise UserError(f"{data}: it has none of the {len(ids)} rows that are kept; do its ids belong to {scores}?")
    pool.write(numbers, out)
    return len(numbers)
