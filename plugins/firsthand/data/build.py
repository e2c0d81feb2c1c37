"""From the files of a release to rows: reads, converts, writes, and says what became of every row.

The folder it fills holds `sft.jsonl`, `rl_train.parquet` or `eval.jsonl`, `dropped.jsonl` when the last build did not
take a row, a link `media` to the folder that media paths start from (so that no recipe needs an absolute path), and
`manifest.json`, with a part for each purpose.
"""

import hashlib
import os
import platform
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, field
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from firsthand import files
from firsthand.data import guard, writers
from firsthand.data.check.pool import default_workers
from firsthand.data.check.stream import Broken, Rows
from firsthand.data.release import Converter, LeftAside, Place, Purpose, Release
from firsthand.errors import UserError
from firsthand.rollout import prompt
from firsthand.rows import Question, Trajectory

FILES: dict[Purpose, str] = {"sft": "sft.jsonl", "rl": "rl_train.parquet", "eval": "eval.jsonl"}
DEV = "rl_dev.parquet"  # beside rl_train.parquet, where the release or --hold-out has such a split
UNREADABLE = (UserError, ValueError, KeyError, TypeError, AttributeError, IndexError)
TICK, EXAMPLES = 500, 5  # rows
Tick = Callable[[str, int, int], None]  # what is read, done and total


@dataclass(frozen=True)
class Options:
    limit: int | None = None  # rows read of each file
    video: bool = False  # frames as one video with its rate, not as images with times
    pattern: str | None = None  # other files than the release's own
    system: str | None = None  # replaces the system prompt
    hold_out: tuple[str, ...] = ()  # people whose questions become the development split


@dataclass
class Built:
    """What became of the rows of one purpose."""

    rows: dict[str, int] = field(default_factory=dict)  # by file
    folded: int = 0  # rows that another row holds too
    dropped: int = 0
    left_aside: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)  # of what was dropped


def build(
    release: Release, src: Path, out: Path, purposes: tuple[Purpose, ...], options: Options, tick: Tick
) -> dict[Purpose, Built]:
    found = {purpose: release.find(src, purpose, options.pattern) for purpose in purposes or tuple(release.inputs)}
    manifest_file = out / "manifest.json"
    manifest = files.read_json(manifest_file) if manifest_file.is_file() else {}
    manifest |= {"name": release.name, "licence": release.licence, "versions": _versions()}
    results: dict[Purpose, Built] = {}
    with ThreadPoolExecutor(1) as pool, writers.lines(out / "dropped.jsonl") as dropped:
        for purpose, (root, paths) in found.items():
            hashes = pool.submit(_facts, paths, root)
            results[purpose] = _Build(release, purpose, root, out, options, dropped).run(paths, tick)
            manifest[purpose] = {"options": asdict(options), "sources": hashes.result(), **vars(results[purpose])}
    if not dropped.rows:
        (out / "dropped.jsonl").unlink()
    for root, _ in found.values():
        _link(out / "media", root)
    files.write_json(manifest_file, manifest)
    if release.guarded and (test := results.get("eval")):
        unread = guard.write(out, default_workers(), lambda done, total: tick("frames to guard", done, total))
        if unread:
            test.notes["frames that are not there: the guard does not know them"] += unread
    return results


class _Build:
    def __init__(
        self, release: Release, purpose: Purpose, root: Path, out: Path, options: Options, dropped: writers.Writer
    ) -> None:
        self.release, self.purpose, self.root, self.out, self.options = release, purpose, root, out, options
        self.converter: Converter = release.converter(root, purpose, release.argument)
        self.built, self.dropped, self.ids = Built(), dropped, dict[str, Place]()
        self.guard = guard.load(out.parent)

    def run(self, paths: list[Path], tick: Tick) -> Built:
        with ExitStack() as stack:
            self.open = {name: stack.enter_context(self._writer(name)) for name in self._names()}
            for path in paths:
                self._read(path, tick)
            for place, reason in self.converter.finish():
                self._drop(place, reason)
            if not self.open[FILES[self.purpose]].rows:
                raise UserError(f"{self.release.name}: no row for {self.purpose} could be taken{self._first()}")
        self.built.rows = {name: writer.rows for name, writer in self.open.items() if writer.rows}
        for name in self.open.keys() - self.built.rows.keys():
            (self.out / name).unlink()
        self.built.notes = self.converter.notes
        for name, text in self.converter.texts.items():
            files.write_text(self.out / name, text)
        return self.built

    def _names(self) -> list[str]:
        """Files that may get rows; those that get none are not left behind."""
        views = map(video_file, self.release.video_rates)
        return [FILES[self.purpose], *{"sft": views, "rl": [DEV], "eval": []}[self.purpose]]

    def _writer(self, name: str) -> AbstractContextManager[writers.Writer]:
        path = self.out / name
        return writers.table(path, self.release.video_files) if path.suffix == ".parquet" else writers.lines(path)

    def _first(self) -> str:
        told = [*self.built.examples, *(f"left aside: {why}" for why in self.built.left_aside)]
        return f"; the first: {told[0]}" if told else ": its files hold no rows"

    def _read(self, path: Path, tick: Tick) -> None:
        name, rows = path.relative_to(self.root).as_posix(), Rows(path)
        for number, row in islice(rows, self.options.limit):
            place = Place(name, number)
            try:
                if isinstance(row, Broken):
                    raise ValueError(row.why)
                if not isinstance(row, dict):
                    raise ValueError(f"the row is no JSON object but {type(row).__name__}")
                if made := self.converter.convert(row, place):
                    self._write(made, place)
                else:
                    self.built.folded += 1
            except LeftAside as why:
                self.built.left_aside[str(why)] += 1
                self.dropped.add({**place._asdict(), "left_aside": str(why)})
            except UNREADABLE as error:
                self._drop(place, _reason(error))
            if number % TICK == 0:
                tick(name, rows.done, rows.total)
        tick(name, rows.total, rows.total)

    def _write(self, made: Question | Trajectory, place: Place) -> None:
        question = made.question if isinstance(made, Trajectory) else made
        if (first := self.ids.setdefault(question.id, place)) != place:
            raise ValueError(f"its id {question.id!r} is that of row {first.row} of {first.file} too")
        if self.purpose != "eval" and (why := self.guard.why_question(question, self.root)):
            raise ValueError(why)
        question.system = self.options.system
        if question.identity in self.options.hold_out:
            question.split = "dev"
        for name, row in self._rendered(question, made):
            self.open[name].add(row)

    def _rendered(self, question: Question, made: Question | Trajectory) -> Iterator[tuple[str, dict[str, Any]]]:
        """The rows that go into each file."""
        name, video = FILES[self.purpose], question.as_video()
        if isinstance(made, Trajectory) and self.purpose == "sft":
            turns = prompt.solution(made)
            yield name, prompt.sharegpt_row(question, turns)
            if video and (view := video_file(video.fps or 0)) in self.open:
                yield view, prompt.sharegpt_row(video, turns)
            elif question.times:
                self.converter.notes["frames at a rate of their own: only in sft.jsonl"] += 1
            return
        if self.options.video and question.times:
            if video is None:
                self.converter.notes["frames at no even rate: images with times, not a video"] += 1
            question = video or question
        if self.purpose == "eval":
            yield name, prompt.eval_row(question)
        else:
            yield (DEV if question.split == "dev" else name), prompt.verl_row(question, len(self.ids) - 1)

    def _drop(self, place: Place, reason: str) -> None:
        self.built.dropped += 1
        self.dropped.add({**place._asdict(), "reason": reason})
        if len(self.built.examples) < EXAMPLES:
            self.built.examples.append(f"{place.file}: row {place.row}: {reason}")


def video_file(fps: float) -> str:
    """The file of frame lists at one rate: LLaMA-Factory knows one rate a run."""
    return f"sft_video_{fps:g}fps.jsonl"


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        return f"{where}: {first['msg']}" if where else first["msg"].removeprefix("Value error, ")
    if isinstance(error, KeyError):
        return f"the key {error} is missing"
    return str(error)


def _facts(paths: list[Path], root: Path) -> list[dict[str, Any]]:
    facts = []
    for path in paths:
        with path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        facts.append({"file": path.relative_to(root).as_posix(), "bytes": path.stat().st_size, "sha256": digest})
    return facts


def _versions() -> dict[str, str]:
    return {"firsthand": metadata.version("firsthand"), "python": platform.python_version()}


def _link(link: Path, root: Path) -> None:
    """`link` shows `root`; a folder that somebody put there stays."""
    if link.is_symlink():
        link.unlink()
    elif link.exists():
        raise UserError(f"{link}: exists and is no link; move it away, media are looked up in {root} through this name")
    link.symlink_to(os.path.relpath(root.resolve(), link.parent.resolve()))
