"""Proofs that train, dev and test share nothing: no clip, question, fact or time of a person."""

import hashlib
import itertools
from collections import defaultdict
from pathlib import Path
from typing import Any

from firsthand import clock
from firsthand.toy.week.check_questions import options, targets
from firsthand.toy.week.findings import Claims, Findings
from firsthand.toy.week.folder import Folder, Row
from firsthand.toy.week.splits import SPLITS, block_at, blocks


def check_splits(folder: Folder) -> Findings:
    found = Findings()
    for split in SPLITS:
        found.prove("splits", split, _blocks(folder, split))
    _each_once(folder, "clips", [clip.video for clip in folder.all_clips()], found)
    _each_once(folder, "questions", [str(row.get("ID")) for row in folder.all_questions()], found)
    belongs = {clip.video: _split_at(folder, clip.identity, clip.start) for clip in folder.all_clips()}
    rows = {row.get("ID"): row for row in folder.all_questions()}
    traces = {split: dict[str, str]() for split in SPLITS}  # what a split contains -> where that was read
    for split, seen in traces.items():
        for name in folder.splits[split]["clips"]:
            message = f"listed in {split}, recorded for {belongs.get(name)}"
            found.require(belongs.get(name) == split, "splits", name, message)
            seen[f"video {_sha256(folder.out / name)}"] = name
        for name in folder.splits[split]["questions"]:
            found.prove("splits", name, _question(folder, rows, name, split, seen))
    for one, other in itertools.combinations(SPLITS, 2):
        for shared in sorted(traces[one].keys() & traces[other].keys()):
            message = f"the same in {one} and {other} ({traces[other][shared]}): {shared}"
            found.require(False, "splits", traces[one][shared], message)
    return found


def _blocks(folder: Folder, split: str) -> Claims:
    wanted = [{"identity": b.identity, "days": list(b.days)} for b in blocks(folder.size) if b.split == split]
    yield folder.splits[split]["blocks"] == wanted, "has other people or days than the rule"


def _question(folder: Folder, rows: dict[Any, Row], name: str, split: str, seen: dict[str, str]) -> Claims:
    """`seen` grows by the question as asked and each fact that its answer rests on: none may be in another split."""
    row = rows[name]
    own = _split_at(folder, row["identity"], clock.from_question(row["query_time"]))
    yield own == split, f"listed in {split}, asked in {own}"
    for target in targets(row):
        own = _split_at(folder, row["identity"], target)
        yield own == split, f"its evidence is of {own}"
    seen[f"question {row['question']} {sorted(options(row).values())} {row.get('clip')} {row['target_time']}"] = name
    seen |= {f"fact {row['identity']} {clock.stamp(target)}": name for target in targets(row)}


def _each_once(folder: Folder, what: str, wanted: list[str], found: Findings) -> None:
    where: dict[str, list[str]] = defaultdict(list)
    for split in SPLITS:
        for name in folder.splits[split][what]:
            where[name].append(split)
    for name in sorted({*wanted, *where}):
        listed = where[name]
        message = f"in {', '.join(sorted(set(listed))) or 'no split'}, {len(listed)} times; should be in one, once"
        found.require(len(listed) == 1 and name in wanted, "splits", name, message)


def _split_at(folder: Folder, identity: str, moment: float) -> str | None:
    block = block_at(folder.size, identity, moment)
    return block.split if block else None


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else f"missing {path.name}"
