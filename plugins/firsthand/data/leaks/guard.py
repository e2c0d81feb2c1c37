"""Published tests stay tests: their questions, answers and frames are refused as training rows, with the reason.

We ship no test set, so we know its rows only from what a user downloads: `firsthand data build egocross_test` writes
`guard.json` beside the rows, with names, hashes of questions and hashes of frames. Every build of training rows, every
registration and every check reads it. What needs no file is refused without one: frames in the test's own folder, and
rows of the published answers.

A test question is known by its words and options, but some are asked in the same words about many clips. So the same
words are refused when a row shows no frames, or shows frames that look like those of the test; frames of another clip
clear it. Frames are met byte by byte (only those whose file has the size of a test frame are read) and, where the words
agree, by their look. Copies that were made anew and asked something else are what `firsthand data leaks` is for.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from firsthand import files
from firsthand.data.leaks.compare import asked_key, frames_of, question_key
from firsthand.data.leaks.image_hash import image_hash, near
from firsthand.data.read.data_file import Source
from firsthand.data.read.rows import Rows
from firsthand.data.read.sample import Row, Unreadable, layers
from firsthand.errors import UserError
from firsthand.media.paths import inside
from firsthand.question import Question
from firsthand.workers import mapped

FILE = "guard.json"
TESTBED = "egocross_testbed"  # the folder of the test set, in every path of its release
NAMED = (f"{TESTBED}/submission_template.json", "submission_template.json", f"{TESTBED}/{TESTBED}_answers.json")
ALIKE = 10  # bits of 256 that a frame may differ from a test frame, and half of a row's frames must do so
WHY = "the owners of the test ask not to train on it"
UNSEEN = "a test asks this in the same words, and without its frames nothing tells them apart; unpack the frames first"
UNPACKED_BY = {".zip": "unzip -n {} -d {}"} | dict.fromkeys((".tar", ".gz", ".tgz"), "tar -xf {} -C {}")
SHOWN = 5


class FramesMissing(UserError):
    """Nothing can be said about a row before its frames are unpacked."""


@dataclass
class Guard:
    names: set[str] = field(default_factory=set)
    questions: set[str] = field(default_factory=set)
    frames: dict[int, set[str]] = field(default_factory=dict)  # size of the file -> hashes of its bytes
    looks: set[int] = field(default_factory=set)

    def why(self, row: Row, key: str | None, frames: Sequence[str], root: Path) -> str | None:
        """Why a row must not be learnt from, or None. `key` is the `question_key` of what it asks."""
        if "correct_option_letter" in row:
            return f"it is a row of EgoCross's published answers; {WHY}"
        if path := next((path for path in frames if TESTBED in path and TESTBED in PurePosixPath(path).parts), None):
            return f"{path} is a frame of EgoCross's test set; {WHY}"
        if self.names and (name := next(iter(names_of(row) & self.names), None)):
            return f"{name} is a question of a test set; {WHY}"
        asked = key in self.questions
        here = {path: file for path in frames if (file := _file(root, path))} if asked or self.frames else {}
        if path := next((path for path, file in here.items() if self._is_frame(file)), None):
            return f"{path} is, byte for byte, a frame of a test set; {WHY}"
        if asked and frames and not here:
            return f"{UNSEEN}: {_unpack(root)}"
        if asked and (not frames or self._alike(here.values())):
            return f"question and options are those of a test set, and no frames show another clip; {WHY}"
        return None

    def why_row(self, row: Any, source: Source) -> str | None:
        """As `why`, for a row of a data file."""
        try:
            sample = source.read(row)
        except Unreadable:  # `firsthand data check` reports it
            return self.why(row, None, [], source.root) if isinstance(row, dict) else None
        return self.why(row, asked_key(sample) if self.questions else None, sorted(frames_of(sample)), source.root)

    def why_question(self, question: Question, root: Path) -> str | None:
        key = question_key(question.question, question.options.values()) if self.questions else None
        row: dict[str, Any] = question.labels
        if self.names:
            row = {"id": question.id, "data_source": question.data_source, "split": question.split, **row}
        why = self.why(row, key, question.images or question.video, root)
        if why and why.startswith(UNSEEN):
            raise FramesMissing(why)
        return why

    def _is_frame(self, file: Path) -> bool:
        known = self.frames.get(file.stat().st_size)
        return known is not None and _sha(file) in known

    def _alike(self, frames: Iterable[Path]) -> bool:
        seen = [value for value in map(image_hash, frames) if value is not None]
        if not seen:
            return True
        pairs = near(seen, sorted(self.looks), ALIKE)
        return 2 * len({int(left) for left, _ in pairs}) >= len(seen)


def load(datasets: Path) -> Guard:
    """What is known of all test sets that were built below `datasets`."""
    guard = Guard()
    for path in sorted(datasets.glob(f"*/{FILE}")):
        content = files.read_json(path)
        try:
            guard.names |= set(content["names"])
            guard.questions |= set(content["questions"])
            for size, hashes in content["frames"].items():
                guard.frames.setdefault(int(size), set()).update(hashes)
            guard.looks |= {int(value, 16) for value in content["looks"]}
        except (KeyError, TypeError, ValueError, AttributeError):
            raise UserError(f"{path}: unreadable; build the test set again with firsthand data build") from None
    return guard


def write(out: Path, workers: int, tick: Callable[[int, int], None] = lambda done, total: None) -> int:
    """`guard.json` beside the `eval.jsonl` of a test set, from its rows and frames; returns how many are not there."""
    names, questions, frames = set(), set(), dict[str, None]()
    for row in files.read_jsonl(out / "eval.jsonl"):
        names |= names_of(row)
        questions.add(question_key(row["question"], row["options"].values()))
        frames |= dict.fromkeys(row.get("images") or row.get("video") or [])
    for name in NAMED:
        if (named := out / "media" / name).is_file():
            content = files.read_json(named)
            rows = content.values() if isinstance(content, dict) else content if isinstance(content, list) else []
            found = (row.get("question_id") for row in rows if isinstance(row, dict))
            names |= {name for name in found if isinstance(name, str)}
    known, looks = defaultdict[int, set[str]](set), set[int]()
    paths = [file for path in frames if (file := _file(out / "media", path))]
    for done, (size, digest, look) in enumerate(mapped(_known, paths, workers), 1):
        known[size].add(digest)
        looks |= set() if look is None else {look}
        tick(done, len(paths))
    content = {
        "names": sorted(names),
        "questions": sorted(questions),
        "frames": {str(size): sorted(known[size]) for size in sorted(known)},
        "looks": sorted(f"{look:x}" for look in looks),
    }
    files.write_json(out / FILE, content, indent=None)
    return len(frames) - len(paths)


def names_of(row: Row) -> set[str]:
    """The ids of a row that mean the same everywhere: EgoCross's question_id, and our id with its data source."""
    found: set[str] = set()
    for layer in layers(row):
        data_source, split = (layer.get(key) or row.get(key) for key in ("data_source", "split"))
        if data_source and layer.get("id") and split == "test":
            found.add(f"{data_source}/{layer['id']}")
        if isinstance(layer.get("question_id"), str):
            found.add(layer["question_id"])
    return found


def refuse(source: Source, guard: Guard) -> None:
    """An error that lists the rows of a file that are a test's, or says that frames must be unpacked to know it."""
    found = [f"row {number}: {why}" for number, row in Rows(source.file) if (why := guard.why_row(row, source))]
    if unseen := next((line for line in found if UNSEEN in line), None):
        raise FramesMissing(f"{source.file}: {unseen}")
    if found:
        more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
        head = f"{source.file}: {len(found)} rows are a test's and must not be learnt from:"
        raise UserError("\n  ".join([head, *found[:SHOWN], *more]))


def _known(file: Path) -> tuple[int, str, int | None]:
    try:
        return file.stat().st_size, _sha(file), image_hash(file)
    except (OSError, UserError) as error:
        raise UserError(f"{error}; download the test set again") from None


def _file(root: Path, path: str) -> Path | None:
    try:
        return inside(root, path)
    except UserError:
        return None  # a missing file is the business of `firsthand data check`


def _unpack(root: Path) -> str:
    """The command for every archive in `root`."""
    archives = sorted(path for path in root.iterdir() if path.suffix in UNPACKED_BY) if root.is_dir() else []
    return "; ".join(UNPACKED_BY[path.suffix].format(path, root) for path in archives) or f"put them below {root}"


def _sha(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:32]
