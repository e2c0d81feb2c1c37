"""One type a column: the loader of both frameworks builds a table, and stops where a column changes its type."""

from collections.abc import Iterator
from typing import Any

from firsthand.data.check.kinds import Found, kind

MIXED = kind(
    "column-mixed",
    "error",
    "columns whose type changes from row to row",
    "write one type a column (all video files or all frame lists, all ids as text), or two data files",
)
NAMES = {str: "text", bool: "true or false", int: "numbers", float: "numbers", dict: "objects", list: "lists"}
Type = tuple[str, str]  # column, and what it holds


def types(row: dict[str, Any]) -> Iterator[Type]:
    for column, value in row.items():
        if isinstance(value, list):
            inner = next((item for item in value if item is not None), None)
            if inner is not None:
                yield column, f"lists of {NAMES.get(type(inner), 'bytes')}"
        elif value is not None:
            yield column, NAMES.get(type(value), "bytes")


def check(held: Type, first: dict[str, tuple[int, str]], number: int) -> Iterator[Found]:
    """`first` remembers where each column got its type."""
    row, name = first.setdefault(held[0], (number, held[1]))
    if name != held[1]:
        yield MIXED, f"`{held[0]}` holds {held[1]} here and {name} in row {row}"
