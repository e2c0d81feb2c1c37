"""A look at the first rows of a data file; the whole file is the business of the data checks, not of a recipe's."""

import itertools
import json
from pathlib import Path
from typing import Any

MAX_ROWS = 100
MAX_JSON_BYTES = 64 << 20  # a JSON list is read whole


class Unreadable(Exception):
    """Why the rows cannot be looked at."""


def first_rows(path: Path) -> list[dict[str, Any]]:
    try:
        match path.suffix:
            case ".parquet":
                import pyarrow
                import pyarrow.parquet as parquet

                try:
                    batches = parquet.ParquetFile(path).iter_batches(batch_size=MAX_ROWS)
                    return next(batches, pyarrow.RecordBatch.from_pylist([])).to_pylist()
                except pyarrow.ArrowException as error:
                    raise Unreadable(f"not a parquet file ({error})") from None
            case ".jsonl":
                with path.open(encoding="utf-8") as handle:
                    lines = itertools.islice((line for line in handle if line.strip()), MAX_ROWS)
                    rows = [json.loads(line) for line in lines]
            case ".json" if path.stat().st_size > MAX_JSON_BYTES:
                raise Unreadable(f"a JSON list over {MAX_JSON_BYTES >> 20} MiB; JSONL can be read row by row")
            case ".json":
                text = path.read_text(encoding="utf-8")
                content = json.loads(text)
                rows = content[:MAX_ROWS] if isinstance(content, list) else [content]
            case suffix:
                raise Unreadable(f"`{suffix or path.name}` is no parquet, JSON or JSONL file")
    except (OSError, ValueError, RecursionError) as error:
        raise Unreadable(str(error)) from None
    if not all(isinstance(row, dict) for row in rows):
        raise Unreadable("a row is no JSON object")
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
