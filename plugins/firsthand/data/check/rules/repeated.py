"""Rows that stand twice in a file. The one rule that remembers other rows: a few bytes of each."""

from collections.abc import Iterator

from firsthand.data.check.kinds import Found, kind

ID = kind("id-repeated", "error", "ids that stand twice", "give every question its own id; answers are matched by it")
INDEX = kind(
    "index-repeated", "error", "extra_info.index that stands twice", "number the rows of the file: veRL groups by it"
)
ROW = kind(
    "row-repeated", "warning", "the same question about the same media", "drop one of them, or weight it on purpose"
)


class Repeated:
    def __init__(self) -> None:
        self.first: dict[tuple[str, object], int] = {}

    def check(self, number: int, id_: str | None, index: int | None, digest: bytes) -> Iterator[Found]:
        for kind_, key, shown in ((ID, id_, f"id {id_!r}"), (INDEX, index, f"index {index}"), (ROW, digest, "it")):
            if key is not None:
                first = self.first.setdefault((kind_.name, key), number)
                if first != number:
                    yield kind_, f"{shown} stands in row {first} too"
