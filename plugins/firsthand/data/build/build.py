"""From the files of a release to rows: reads, converts, writes, and says what became of every row.

The folder it fills holds `sft.jsonl`, `rl_train.parquet` or `eval.jsonl`, `dropped.jsonl` when the last build did not
take a row, a link `media` to the folder that media paths start from (so that no recipe needs an absolute path), and
`manifest.json`, with a part for each purpose.
"""

import hashlib
import os
import platform
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, field
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any

from firsthand import files
from firsthand.data.build import convert, published, writers
from firsthand.data.build.convert import DEV, FILES, WITHOUT, Batch, Options, Part, Refused, video_file
from firsthand.data.build.release import Converter, Place, Purpose, Release
from firsthand.data.leaks import compare, guard
from firsthand.data.read import data_file
from firsthand.data.read.rows import Piece, Rows
from firsthand.data.read.sample import whole
from firsthand.errors import UserError
from firsthand.workers import batched, default_workers, mapped

BATCH = 200  # picked rows that a worker gets at a time
EXAMPLES = 5  # rows
FEW = 4 << 20  # bytes of rows that are not worth a second process
Tick = Callable[[str, int, int], None]  # what is read, done and total


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
    if not isinstance(manifest, dict):
        raise UserError(f"{manifest_file}: not the manifest of a data set; build into another folder")
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
    if (evaluated := results.get("eval")) and not options.limit:
        evaluated.notes.update(published.differences(release, out / FILES["eval"], out / "media"))
    if release.guarded and (test := results.get("eval")):
        unread = guard.write(out, default_workers(), lambda done, total: tick("frames to guard", done, total))
        if unread:
            test.notes["frames that are not there: the guard does not know them"] += unread
    return results


class _Build:
    """Reads, remembers and writes; the workers do the rest (`convert.Work`)."""

    def __init__(
        self, release: Release, purpose: Purpose, root: Path, out: Path, options: Options, dropped: writers.Writer
    ) -> None:
        global _work
        self.release, self.purpose, self.root, self.out, self.options = release, purpose, root, out, options
        self.built, self.dropped, self.ids, self.people = Built(), dropped, dict[str, Place](), set[str]()
        self.picker, converter = (release.converter(root, purpose) for _ in range(2))
        known, without = guard.load(out.parent), set[str]()
        for name in options.without:
            without |= compare.asked_keys(data_file.find(name, Path()))
        if without:
            self.built.left_aside[WITHOUT] = 0  # shown even when it stays 0
        _work = convert.Work(converter, purpose, root, self._names(), options, known, without)

    def run(self, paths: list[Path], tick: Tick) -> Built:
        workers = default_workers() if sum(path.stat().st_size for path in paths) > FEW else 1
        with ExitStack() as stack:
            self.open = {name: stack.enter_context(self._writer(name)) for name in self._names()}
            for part in mapped(_worked, self._batches(paths, tick), workers):
                self._take(part)
            for place, reason in self.picker.finish():
                self._refuse(place, Refused(reason))
            if self.purpose == "rl" and (missing := set(self.options.hold_out) - self.people):
                found = ", ".join(sorted(self.people)) or "no people"
                raise UserError(f"--hold-out {min(missing)}: no question is this person's; it has {found}")
            if not self.open[FILES[self.purpose]].rows:
                raise UserError(f"{self.release.name}: no row for {self.purpose} could be taken{self._first()}")
        self.built.rows = {name: writer.rows for name, writer in self.open.items() if writer.rows}
        for name in self.open.keys() - self.built.rows.keys():
            (self.out / name).unlink()
        self.built.notes += self.picker.notes
        for name, text in self.picker.texts.items():
            files.write_text(self.out / name, text)
        return self.built

    def _names(self) -> list[str]:
        """Files that may get rows; those that get none are not left behind."""
        views = map(video_file, self.release.video_rates)
        return [FILES[self.purpose], *{"sft": views, "rl": [DEV], "eval": []}[self.purpose]]

    def _writer(self, name: str) -> AbstractContextManager[writers.Writer]:
        path = self.out / name
        return writers.table(path) if path.suffix == ".parquet" else writers.lines(path)

    def _first(self) -> str:
        reasons = [*self.built.examples, *(f"left aside: {why}" for why in +self.built.left_aside)]
        return f"; the first: {reasons[0]}" if reasons else ": its files hold no rows"

    def _batches(self, paths: list[Path], tick: Tick) -> Iterator[Batch]:
        """Text for the workers to read, unless a row must be seen here, with those before it."""
        index, picks = 0, type(self.picker).pick is not Converter.pick
        for path in paths:
            name, rows = path.relative_to(self.root).as_posix(), Rows(path)
            left = self.options.limit or sys.maxsize
            for content in self._picked(name, rows) if picks else self._pieces(rows):
                count = min(len(content) if isinstance(content, list) else content.count, left)
                yield Batch(name, index, count, content)
                tick(name, rows.done, rows.total)
                index, left = index + count, left - count
                if not left:
                    break
            tick(name, rows.total, rows.total)

    def _pieces(self, rows: Rows) -> Iterator[Piece]:
        """Those of the file, or of the one object in it that holds the rows."""
        if not (key := self.release.under):
            yield from rows.pieces()
            return
        held = [row for _, top in rows for row in _under(top, key, rows.path)]
        for first in range(0, len(held), BATCH):
            yield Piece(first + 1, len(held[first : first + BATCH]), held[first : first + BATCH])

    def _picked(self, name: str, rows: Rows) -> Iterator[list[tuple[int, Any]]]:
        picked = ((number, convert.attempt(self._pick, row, Place(name, number))) for number, row in rows)
        return batched(islice(picked, self.options.limit), BATCH)

    def _pick(self, row: Any, place: Place) -> dict[str, Any] | None:
        return self.picker.pick(whole(row), place)

    def _take(self, part: Part) -> None:
        again = set()
        for number, end in part.ends:
            place = Place(part.file, number)
            if isinstance(end, str) and (first := self.ids.setdefault(end, place)) != place:
                again.add(number)
                end = Refused(f"its id {end!r} is that of row {first.row} of {first.file} too")
            if isinstance(end, Refused):
                self._refuse(place, end)
            self.built.folded += end is None
        for name, (numbers, packed) in part.files.items():
            lost = [place for place, number in enumerate(numbers) if number in again] if again else []
            self.open[name].add(writers.without(packed, lost) if lost else packed)
        self.built.notes += part.notes
        self.people |= part.people

    def _refuse(self, place: Place, refused: Refused) -> None:
        if refused.wanted:
            self.built.dropped += 1
            if len(self.built.examples) < EXAMPLES:
                self.built.examples.append(f"{place.file}: row {place.row}: {refused.why}")
        else:
            self.built.left_aside[refused.why] += 1
        row = {**place._asdict(), "reason" if refused.wanted else "left_aside": refused.why}
        self.dropped.add(writers.pack("dropped.jsonl", [row]))


def _under(top: Any, key: str, path: Path) -> list[Any]:
    if not isinstance(top, dict) or not isinstance(top.get(key), list):
        raise UserError(f"{path}: not a list of one object with the rows in `{key}`; is it the owner's file?")
    return top[key]


_work: convert.Work  # what the workers inherit


def _worked(batch: Batch) -> Part:
    return _work.on(batch)


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
    """`link` points to `root`; a folder of that name stays, and is an error."""
    if link.is_symlink():
        link.unlink()
    elif link.exists():
        raise UserError(f"{link}: exists and is not a link; move it, media are looked up in {root} through this name")
    link.symlink_to(os.path.relpath(root.resolve(), link.parent.resolve()))
