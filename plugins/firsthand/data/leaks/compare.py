"""What two data files share that a training set and its test must not: questions, videos, times of a person, frames.

Every comparison is by a key that can be stored: a guard that must not ship a test set keeps `question_key` and
`image_hash` of it, and asks `frames.near`.
"""

import hashlib
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from firsthand import clock
from firsthand.data.check.rules.answers import OPTION
from firsthand.data.leaks.image_hash import BITS, image_hash, near
from firsthand.data.read.data_file import Source
from firsthand.data.read.rows import Rows
from firsthand.data.read.sample import Row, Sample, Unreadable, layers
from firsthand.errors import UserError
from firsthand.media.names import clips
from firsthand.media.paths import inside
from firsthand.workers import batched, mapped

KINDS = {
    "id": "the same question id",
    "question": "the same words and options",
    "video": "the same video",
    "time": "overlapping times of the same person",
    "frame": "the same frame, or one that looks alike",
}
SPOKEN = re.compile(r"[\W_]+")
TAGS = re.compile(r"<(image|video|audio)>|<timestamp>[^<]*</timestamp>")
CHUNK = 64

Span = tuple[str, float, float]  # person, start, end


class Leak(NamedTuple):
    kind: str
    train: int  # row
    test: int
    what: str


Keys = dict[str, list[int]]  # key -> rows, in order


@dataclass
class Facts:
    """What of the rows of a file can be met again in another one."""

    rows: int = 0
    unread: list[tuple[int, str]] = field(default_factory=list)  # rows or frames that could not be compared
    flat: int = 0  # frames that show nothing and are not compared
    keys: dict[str, Keys] = field(default_factory=lambda: {kind: defaultdict(list) for kind in KINDS})
    spans: dict[str, list[tuple[float, float, int]]] = field(default_factory=lambda: defaultdict(list))
    hashes: dict[str, int] = field(default_factory=dict)  # of the frames

    @property
    def frames(self) -> Keys:
        return self.keys["frame"]


def question_key(question: str, options: Iterable[str] = ()) -> str:
    """Equal for a question in other case, spacing and punctuation, with its options in any order."""
    said = [_plain(question), *sorted(_plain(option) for option in options)]
    return hashlib.blake2b("\n".join(said).encode(), digest_size=16).hexdigest()


def video_key(path: str) -> str:
    """The name of a video without folder and extension; a short name such as 0001.mp4 keeps its folder."""
    name = Path(path)
    telling = len(name.stem) >= 8 and not name.stem.isdecimal()
    return (name.stem if telling else f"{name.parent.name}/{name.stem}").casefold()


def facts(source: Source, workers: int, tick: Callable[[int, int], None]) -> Facts:
    """Everything that can be compared, with the frames of all rows hashed."""
    found = Facts()
    for number, row in Rows(source.file):
        found.rows += 1
        try:
            sample = source.read(row)
        except Unreadable as why:
            found.unread.append((number, str(why)))
            continue
        for kind, key in _keys(sample, row):
            found.keys[kind][key].append(number)
        for person, start, end in _spans(sample, row):
            found.spans[person].append((start, end, number))
    _hash(found, source.root, workers, tick)
    return found


def compare(train: Facts, test: Facts, distance: int) -> Iterator[Leak]:
    """Every pair of rows that share something; frames alike in all but `distance` of 256 bits count as shared."""
    for kind in ("id", "question", "video"):
        ours, theirs = train.keys[kind], test.keys[kind]
        for key in ours.keys() & theirs.keys():
            what = "" if kind == "question" else key
            yield from (Leak(kind, row, other, what) for row in ours[key] for other in theirs[key])
    for person in train.spans.keys() & test.spans.keys():
        yield from _overlaps(person, train.spans[person], test.spans[person])
    yield from _alike(train, test, distance)


def _overlaps(person: str, ours: list, theirs: list) -> Iterator[Leak]:
    """Spans sorted by their start; those of the test that may still overlap are kept at hand."""
    waiting, open_ = sorted(theirs, reverse=True), []
    for start, end, row in sorted(ours):
        while waiting and waiting[-1][0] <= end:
            open_.append(waiting.pop())
        open_ = [span for span in open_ if span[1] >= start]
        for other_start, other_end, other in open_:
            if other_start <= end:
                both = clock.format_range(max(start, other_start), min(end, other_end))
                yield Leak("time", row, other, f"{person} {both}")


def _alike(train: Facts, test: Facts, distance: int) -> Iterator[Leak]:
    ours, theirs = list(train.hashes.items()), list(test.hashes.items())
    seen: set[tuple[int, int]] = set()
    for left, right in near([value for _, value in ours], [value for _, value in theirs], distance).tolist():
        (a, ours_bits), (b, their_bits) = ours[left], theirs[right]
        what = f"{a} and {b} ({(ours_bits ^ their_bits).bit_count()} of {BITS} bits differ)"
        pairs = {(row, other): None for row in train.frames[a] for other in test.frames[b]}
        yield from (Leak("frame", *pair, what) for pair in pairs if pair not in seen)
        seen |= pairs.keys()


def _plain(text: str) -> str:
    return SPOKEN.sub(" ", unicodedata.normalize("NFKC", TAGS.sub(" ", text)).casefold()).strip()


def asked_key(sample: Sample) -> str | None:
    return words_key(next((turn.text for turn in sample.turns if turn.role == "user"), ""))


def words_key(asked: str) -> str | None:
    """The `question_key` of a question that is written out with its options."""
    options = OPTION.findall(asked)
    if not _plain(asked):
        return None
    return question_key(OPTION.sub("", asked), [text for _, text in options])


def asked_keys(source: Source) -> set[str]:
    """Of all rows of a file, each of which must ask something."""
    keys = {number: asked_key(sample) for number, sample in source.samples()}
    if empty := next((number for number, key in keys.items() if key is None), None):
        raise UserError(f"{source.file}: row {empty}: it asks nothing")
    return {key for key in keys.values() if key}


def _values(row: Row, *keys: str) -> Iterator[str]:
    return (layer[key] for layer in layers(row) for key in keys if layer.get(key))


def _keys(sample: Sample, row: Row) -> Iterator[tuple[str, str]]:
    if sample.id:
        yield "id", sample.id
    if key := asked_key(sample):
        yield "question", key
    named = [*_values(row, "vid_id", "video_id", "video_path", "clip"), *_files(sample)]
    yield from (("video", key) for key in {video_key(name) for name in named if isinstance(name, str)})
    yield from (("frame", path) for path in frames_of(sample))


def _files(sample: Sample) -> list[str]:
    return [video.file for video in sample.videos if video.file]


def frames_of(sample: Sample) -> set[str]:
    listed = [frame for video in sample.videos for frame in video.frames or []]
    return {*listed, *(image for image in sample.images if isinstance(image, str))}


def _spans(sample: Sample, row: Row) -> set[Span]:
    """Times of a person that the row is about: asked at, answered from, and the clips that it shows."""
    spans: set[Span] = set()
    for person in {value for value in _values(row, "identity") if isinstance(value, str)}:
        for value in _values(row, "query_time", "target_time"):
            with suppress(UserError):  # the converters report times that cannot be read
                spans |= {(person, start, end) for start, end in clock.target_spans(value)}
    for path in [*frames_of(sample), *_files(sample)]:
        spans |= {(clip.source, clip.start, clock.plus(clip.start, clock.CLIP)) for clip in clips(path)}
    return spans


def _hash(found: Facts, root: Path, workers: int, tick: Callable[[int, int], None]) -> None:
    rows, done = found.frames, 0
    for chunk in mapped(partial(_hashes, root), batched(rows, CHUNK), workers):
        done += len(chunk)
        found.flat += sum(value is None for value in chunk.values())
        found.unread += [(rows[path][0], value) for path, value in chunk.items() if isinstance(value, str)]
        found.hashes |= {path: value for path, value in chunk.items() if isinstance(value, int)}
        tick(done, len(rows))


def _hashes(root: Path, paths: list[str]) -> dict[str, int | str | None]:
    """The hash of every frame, None where it shows nothing, or why it could not be made."""
    return {path: _hash_or_why(root, path) for path in paths}


def _hash_or_why(root: Path, path: str) -> int | str | None:
    try:
        return image_hash(inside(root, path))
    except UserError as error:
        return f"{path}: {error}"


def as_json(sources: list[Source], both: list[Facts], found: list[Leak]) -> str:
    files = [
        {"file": str(source.file), "rows": facts.rows, "frames": len(facts.frames), "flat": facts.flat}
        | {"unread": [{"row": number, "message": why} for number, why in facts.unread]}
        for source, facts in zip(sources, both, strict=True)
    ]
    return json.dumps({"schema": 1, "files": files, "leaks": [leak._asdict() for leak in found]}, indent=1)


def show(sources: list[Source], both: list[Facts], found: list[Leak], rows: int) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    for source, facts in zip(sources, both, strict=True):
        flat = f", {facts.flat:,} of one colour left out" if facts.flat else ""
        console.print(
            f"[bold]{escape(str(source.file))}[/]: {facts.rows:,} rows, {len(facts.keys['frame']):,} frames{flat}"
        )
        for number, why in facts.unread[:rows]:
            console.print(f"  [bold red]not compared[/] row {number}: {escape(why)}")
        if len(facts.unread) > rows:
            console.print(f"  ... {len(facts.unread) - rows:,} more not compared")
    for kind, title in KINDS.items():
        pairs = [leak for leak in found if leak.kind == kind]
        colour = "bold red" if pairs else "green"
        console.print(f"  [{colour}]{len(pairs):>7,} pairs[/]  {title} ({kind})")
        for leak in pairs[:rows]:
            console.print(f"           train row {leak.train}, test row {leak.test}  {escape(leak.what)}")
        if len(pairs) > rows:
            console.print(f"           ... {len(pairs) - rows:,} more")
