"""The first rows of a data file under the rules of `data check`; the command itself reads all rows, and their text."""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firsthand.data.check import row as checking
from firsthand.data.read.data_file import Source
from firsthand.data.read.rows import Broken, Rows
from firsthand.data.read.sample import FORM, Sample, Unreadable
from firsthand.errors import UserError
from firsthand.findings import Finding, InRow, Place, Rule
from firsthand.media.budget import image_tokens, video_tokens, within

MAX_ROWS = 100
Row = dict[str, Any]


@dataclass(frozen=True)
class Code:
    """How the doctor reports a rule of `data check`, and where."""

    rule: Rule
    place: Place
    fix: str = ""  # where it knows more than `data check`


@dataclass
class Problem:
    row: int  # the first
    message: str
    rows: int = 0


@dataclass
class Looked:
    """What the first rows show."""

    source: Source
    samples: list[Sample] = field(default_factory=list)
    problems: dict[Rule, Problem] = field(default_factory=dict)
    tokens: int = 0  # the most that the media of one row need
    longest: int = 0  # that row

    def add(self, number: int, found: Iterable[InRow]) -> None:
        for rule, message in dict(found).items():
            if rule.level == "error":
                self.problems.setdefault(rule, Problem(number, message)).rows += 1

    def findings(self, codes: Mapping[Rule, Code], other: Code) -> Iterator[Finding]:
        for rule, problem in self.problems.items():
            code = codes.get(rule, other)
            more = f" ({problem.rows} such rows)" if problem.rows > 1 else ""
            message = f"{self.source.file}: row {problem.row}: {problem.message}{more}"
            yield code.rule.at(code.place, message, code.fix or rule.fix)

    def too_long(self, rule: Rule, place: Place) -> Iterator[Finding]:
        limit, key = self.source.limits.tokens, self.source.limits.key.rpartition(".")[2]
        if limit is not None and self.tokens >= limit:
            where = f"{self.source.file}: the media of row {self.longest}"
            room = 2 ** math.ceil(math.log2(self.tokens + 512))
            fewer = "show fewer frames (`firsthand data build --max-frames`), or lower the pixel limits"
            fix = f"write `{key}: {room}` or more, {fewer}"
            yield rule.at(place, f"{where} alone need {self.tokens} tokens, {key} is {limit}", fix)


def look(source: Source, rows: list[Row], side: int, stamps: bool = False) -> Looked:
    """`side` is that of the square of pixels that becomes one token; without it no tokens are counted."""
    seen, limits = Looked(source), source.limits
    for number, row in enumerate(rows, 1):
        try:
            sample = source.read(row)
        except Unreadable as error:
            seen.add(number, [(FORM, str(error))])
            continue
        seen.samples.append(sample)
        media = checking.look_at(sample, source.root)
        if checking.is_broken(found := checking.check(sample, media)):
            seen.add(number, found)
            continue
        frames, found = checking.shown(sample, media, limits, stamps)
        seen.add(number, found)
        if side:
            tokens = sum(image_tokens(*within(one.width, one.height, limits.image), side) for one in media.images)
            for one in frames:
                tokens += video_tokens(len(one.indices), *within(one.width, one.height, limits.video), side)
            seen.tokens, seen.longest = max((seen.tokens, seen.longest), (tokens, number), key=lambda pair: pair[0])
    return seen


def first_rows(path: Path) -> list[Row]:
    """UserError where one of them cannot be read."""
    try:
        rows = [row for _, row in itertools.islice(Rows(path), MAX_ROWS)]
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: {error}") from None
    for row in rows:
        if not isinstance(row, dict):
            raise UserError(f"{path}: {row.why if isinstance(row, Broken) else 'a row is not a JSON object'}")
    return rows


def column(path: Path, *names: str) -> list[Any]:
    """One value of every row, of a nested field by its path; nothing where the file or the field is not readable."""
    import pyarrow
    import pyarrow.parquet as parquet

    if path.suffix != ".parquet":
        return []
    try:
        values = parquet.ParquetFile(path).read(columns=[".".join(names)]).to_pylist()
    except (OSError, pyarrow.ArrowException):
        return []
    for name in names:
        values = [value.get(name) if isinstance(value, dict) else None for value in values]
    return [value for value in values if value is not None]


def count_rows(path: Path) -> int | None:
    """None if the whole file would have to be read."""
    if path.suffix != ".parquet":
        return None
    import pyarrow
    import pyarrow.parquet as parquet

    try:
        return parquet.ParquetFile(path).metadata.num_rows
    except (OSError, pyarrow.ArrowException):
        return None  # reported where its rows are read
