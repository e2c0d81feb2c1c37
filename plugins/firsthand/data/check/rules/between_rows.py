"""The rules that compare rows: a column has one type, and no row appears twice. They remember a few bytes per row.

Both frameworks load the file into one table, and stop where a column changes its type.
"""

from collections.abc import Iterator
from typing import Any

from firsthand.findings import ROW_RULES, InRow

MIXED = ROW_RULES["column-mixed"]
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


def same_type(held: Type, first: dict[str, tuple[int, str]], number: int) -> Iterator[InRow]:
    """`first` remembers where each column got its type."""
    row, name = first.setdefault(held[0], (number, held[1]))
    if name != held[1]:
        yield MIXED, f"`{held[0]}` holds {held[1]} here and {name} in row {row}"


ID = ROW_RULES["id-repeated"]
INDEX = ROW_RULES["index-repeated"]
ROW = ROW_RULES["row-repeated"]


class Repeated:
    def __init__(self) -> None:
        self.first: dict[tuple[str, object], int] = {}

    def check(self, number: int, id_: str | None, index: int | None, digest: bytes) -> Iterator[InRow]:
        for rule, key, shown in ((ID, id_, f"id {id_!r}"), (INDEX, index, f"index {index}"), (ROW, digest, "it")):
            if key is not None:
                first = self.first.setdefault((rule.id, key), number)
                if first != number:
                    yield rule, f"{shown} stands in row {first} too"
