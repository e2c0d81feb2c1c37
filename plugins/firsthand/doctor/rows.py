"""A look at the first rows of a data file; the whole file is the business of the data checks, not of a recipe's."""

import itertools
from pathlib import Path
from typing import Any

from firsthand.data.read.rows import Broken, Rows
from firsthand.errors import UserError

MAX_ROWS = 100


class Unreadable(Exception):
    """Why the rows cannot be looked at."""


def first_rows(path: Path) -> list[dict[str, Any]]:
    try:
        rows = [row for _, row in itertools.islice(Rows(path), MAX_ROWS)]
    except (UserError, OSError, ValueError, RecursionError) as error:
        raise Unreadable(str(error).removeprefix(f"{path}: ")) from None
    if broken := next((row for row in rows if isinstance(row, Broken)), None):
        raise Unreadable(broken.why)
    if not all(isinstance(row, dict) for row in rows):
        raise Unreadable("a row is not a JSON object")
    return rows


def column(path: Path, *names: str) -> list[Any]:
    """One value of every row, of a nested field by its path; nothing where the file or the field is not readable."""
    import pyarrow
    import pyarrow.parquet as parquet

    if path.suffix != ".parquet":
        return []
    try:
        rows = parquet.ParquetFile(path).read(columns=[".".join(names)]).to_pylist()
    except (OSError, pyarrow.ArrowException):
        return []
    values = rows
    for name in names:
        values = [value.get(name) if isinstance(value, dict) else None for value in values]
    return [value for value in values if value is not None]


def count_rows(path: Path) -> int | None:
    """None where only reading the whole file would tell."""
    if path.suffix != ".parquet":
        return None
    import pyarrow
    import pyarrow.parquet as parquet

    try:
        return parquet.ParquetFile(path).metadata.num_rows
    except (OSError, pyarrow.ArrowException):
        return None  # said where its rows are read
