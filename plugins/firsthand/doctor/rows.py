"""The first rows of a data file under the rules of `data check`; the command itself reads all rows, and their text."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firsthand.data.check import row as checking
from firsthand.data.read.rows import Broken, Rows
from firsthand.data.read.sample import FORM, Sample, Unreadable
from firsthand.errors import UserError
from firsthand.findings import ROW_RULES, Finding, InRow, Place, Rule
from firsthand.media.budget import image_tokens, video_tokens, within
from firsthand.media.limits import Limits

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
    rows: int = 1


@dataclass
class Looked:
    """What the first rows show."""

    samples: list[Sample] = field(default_factory=list)
    problems: dict[str, Problem] = field(default_factory=dict)  # by the id of the rule
    tokens: int = 0  # of the media of the row in which they need the most
    longest: int = 0  # that row

    def add(self, number: int, found: Iterable[InRow]) -> None:
        for name, message in {rule.id: message for rule, message in found if rule.level == "error"}.items():
            if problem := self.problems.get(name):
                problem.rows += 1
            else:
                self.problems[name] = Problem(number, message)

    def findings(self, file: Path, codes: Mapping[Rule, Code], other: Code) -> Iterator[Finding]:
        known = {rule.id: code for rule, code in codes.items()}
        for name, problem in self.problems.items():
            code = known.get(name, other)
            more = f" ({problem.rows} such rows)" if problem.rows > 1 else ""
            message = f"{file}: row {problem.row}: {problem.message}{more}"
            yield code.rule.at(code.place, message, code.fix or ROW_RULES[name].fix)

    def too_long(self, rule: Rule, place: Place, file: Path, limits: Limits) -> Iterator[Finding]:
        if limits.tokens is None or self.tokens < limits.tokens:
            return
        key = limits.key.rpartition(".")[2]
        message = f"{file}: the media of row {self.longest} alone need {self.tokens} tokens, {key} is {limits.tokens}"
        room = 2 ** math.ceil(math.log2(self.tokens + 512))
        yield rule.at(place, message, f"write `{key}: {room}` or more, or lower the pixel limits")


def look(
    rows: list[Row], read: Callable[[Row], Sample], root: Path, limits: Limits, side: int = 0, stamps: bool = False
) -> Looked:
    """`side` is that of the square of pixels that becomes one token; without it no tokens are counted."""
    seen = Looked()
    for number, row in enumerate(rows, 1):
        try:
            sample = read(row)
        except Unreadable as error:
            seen.add(number, [(FORM, str(error))])
            continue
        seen.samples.append(sample)
        media = checking.look_at(sample, root)
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
    """None where only reading the whole file would tell."""
    if path.suffix != ".parquet":
        return None
    import pyarrow
    import pyarrow.parquet as parquet

    try:
        return parquet.ParquetFile(path).metadata.num_rows
    except (OSError, pyarrow.ArrowException):
        return None  # said where its rows are read
