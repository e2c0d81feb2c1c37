"""The checks over a whole file: rows in, counts by kind with their first rows out, in constant memory.

Workers read, check and count chunks of rows; the parent only adds up what they found and looks for repetitions.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firsthand.data.check import row
from firsthand.data.check.decode import Decoded
from firsthand.data.check.ram import MEMORY, Memory, estimate
from firsthand.data.check.rules import between_rows, budget
from firsthand.data.check.token_count import Counter, Prompt
from firsthand.data.leaks import guard
from firsthand.data.leaks.compare import asked_key, frames_of
from firsthand.data.read.data_file import Source
from firsthand.data.read.rows import Broken, Rows
from firsthand.data.read.sample import FORM, Row, Sample, Unreadable
from firsthand.findings import ROW_RULES, InRow, counted
from firsthand.media.budget import within
from firsthand.media.limits import Limits
from firsthand.workers import batched, mapped

TEST = ROW_RULES["test-set"]
CHUNK = 200
Numbered = tuple[int, Any]


@dataclass
class Seen:
    """What the parent process needs to know about a row, apart from its problems."""

    number: int
    id: str | None
    place: int | None  # veRL's index
    digest: bytes
    pixels: int
    tokens: int | None = None


@dataclass
class Part:
    """What a worker found in a chunk."""

    rows: int = 0
    problems: list[tuple[str, int, str]] = field(default_factory=list)  # id of the rule, row, message
    seen: list[Seen] = field(default_factory=list)
    media: list[tuple[str, bool, int]] = field(default_factory=list)  # path, is it a video, row
    types: dict[between_rows.Type, int] = field(default_factory=dict)  # with the first row of each

    def add(self, number: int, found: Iterable[InRow]) -> None:
        self.problems += [(rule.id, number, message) for rule, message in found]


@dataclass
class Tally:
    """One kind over the whole file."""

    rows: int = 0
    count: int = 0
    first: list[tuple[int, str]] = field(default_factory=list)
    last: int = 0


@dataclass
class Report:
    source: Source
    shown: int  # how many rows of each kind are kept
    rows: int = 0
    kinds: dict[str, Tally] = field(default_factory=dict)
    lengths: dict[int, int] = field(default_factory=dict)  # tokens -> rows
    most: int = 0  # tokens
    longest: int = 0  # the first row of that length
    pixels: int = 0  # most of one row
    memory: Memory | None = None

    def add(self, name: str, number: int, message: str) -> None:
        tally = self.kinds.setdefault(name, Tally())
        tally.count += 1
        tally.rows += number != tally.last
        tally.last = number
        if len(tally.first) < self.shown:
            tally.first.append((number, message))

    def count(self, level: str) -> int:
        return sum(tally.count for name, tally in self.kinds.items() if ROW_RULES[name].level == level)

    @property
    def counts(self) -> dict[str, int]:
        return counted(self.count)

    @property
    def ok(self) -> bool:
        return not self.count("error")


def check(
    source: Source,
    counter: Counter | None,
    workers: int = 1,
    shown: int = 5,
    decoded: Decoded | None = None,
    tick: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Report:
    """With a `counter` rows are counted in tokens; with `decoded` every medium is decoded too."""
    global _job
    _job = _Job(source, counter, decoded is not None, guard.load(Path("datasets")))
    report, repeated, rows = Report(source, shown), between_rows.Repeated(), Rows(source.file)
    typed: dict[str, tuple[int, str]] = {}
    for part in mapped(_part, batched(rows, CHUNK), workers):
        report.rows += part.rows
        for held, number in part.types.items():
            part.add(number, between_rows.same_type(held, typed, number))
        for seen in part.seen:
            part.add(seen.number, repeated.check(seen.number, seen.id, seen.place, seen.digest))
            report.pixels = max(report.pixels, seen.pixels)
            if seen.tokens is not None:
                report.lengths[seen.tokens] = report.lengths.get(seen.tokens, 0) + 1
                if seen.tokens > report.most:
                    report.most, report.longest = seen.tokens, seen.number
        for problem in sorted(part.problems, key=lambda problem: problem[1]):
            report.add(*problem)
        if decoded:
            decoded.want(part.media, source.root)
        tick("rows", rows.done, rows.total)
    if decoded:
        for problem in decoded.run(workers, lambda done, total: tick("decoding", done, total)):
            report.add(*problem)
    if source.form == "llamafactory" and report.lengths:
        tokens = sum(tokens * count for tokens, count in report.lengths.items())
        report.memory = estimate(report.rows, tokens, report.pixels, source.limits)
        if not report.memory.fits:
            gib = report.memory.peak / 2**30, report.memory.available / 2**30
            report.add(MEMORY.id, 0, f"about {gib[0]:.1f} GiB at the peak, {gib[1]:.1f} GiB are free on this machine")
    return report


@dataclass
class _Job:
    source: Source
    counter: Counter | None
    decode: bool
    guard: guard.Guard


_job: _Job  # what the workers inherit


def _part(chunk: list[Numbered]) -> Part:
    part, prompts = Part(len(chunk)), []
    for number, columns in chunk:
        if isinstance(columns, Broken):
            part.add(number, [(FORM, columns.why)])
            continue
        try:
            sample = _job.source.read(columns)
        except Unreadable as error:
            part.add(number, [(FORM, str(error))])
            continue
        if sample.form != "eval":
            if why := _why_not(columns, sample):
                part.add(number, [(TEST, why)])
            for held in between_rows.types(columns):
                part.types.setdefault(held, number)
        prompt, pixels = _check(sample, number, part)
        part.seen.append(Seen(number, sample.id, sample.index, sample.digest, pixels))
        if prompt:
            prompts.append((part.seen[-1], prompt))
    if _job.counter:
        lengths = _job.counter.lengths([prompt for _, prompt in prompts])
        for (seen, _), tokens in zip(prompts, lengths, strict=True):
            seen.tokens = tokens
            part.add(seen.number, budget.length(tokens, _job.source.limits, _job.counter.context))
    return part


def _why_not(columns: Row, sample: Sample) -> str | None:
    """Why the row must not be trained on."""
    key = asked_key(sample) if _job.guard.questions else None
    return _job.guard.why(columns, key, sorted(frames_of(sample)), _job.source.root)


def _check(sample: Sample, number: int, part: Part) -> tuple[Prompt | None, int]:
    """Its prompt, if that can be counted, and the pixels of its media."""
    seen = row.look_at(sample, _job.source.root)
    found, prompt = row.check(sample, seen), None
    if _job.decode:
        part.media += _readable(sample, seen, number)
    if not row.is_broken(found):
        prompt, more = _prompt(sample, seen)
        found += more
    elif _job.counter:
        found.append((budget.UNCOUNTED, "something else is wrong with the row"))
    part.add(number, found)
    return prompt, _pixels(sample, seen, _job.source.limits)


def _prompt(sample: Sample, seen: row.Media) -> tuple[Prompt | None, list[InRow]]:
    limits, counter = _job.source.limits, _job.counter
    if sample.form == "eval" and any(video.frames is None for video in sample.videos):
        return None, [(budget.UNCOUNTED, "a video file: `firsthand eval ask --recipe` says how it is sampled")]
    frames, found = row.shown(sample, seen, limits, bool(counter and counter.stamps))
    if counter is None:
        return None, found
    try:
        return counter.prompt(sample, seen.images, frames, limits), found
    except ValueError as error:
        return None, [*found, (budget.REFUSED, str(error))]


def _pixels(sample: Sample, seen: row.Media, limits: Limits) -> int:
    """Preprocessing has those of a row in memory, within the budget. Video files are not decoded for it."""
    frames = [look for video, looks in zip(sample.videos, seen.videos, strict=True) if video.frames for look in looks]
    sized = [(look, limits.image) for look in seen.images] + [(look, limits.video) for look in frames]
    return sum(math.prod(within(look.width, look.height, kept)) for look, kept in sized if not look.problem)


def _readable(sample: Sample, seen: row.Media, number: int) -> Iterator[tuple[str, bool, int]]:
    for name, look in zip(sample.images, seen.images, strict=True):
        if isinstance(name, str) and not look.problem:
            yield name, False, number
    for video, looks in zip(sample.videos, seen.videos, strict=True):
        for name, look in zip(video.paths, looks, strict=True):
            if not look.problem:
                yield name, video.frames is None, number
