"""Proofs that train, dev and test share nothing: no clip, question, fact or time of a person."""

import hashlib
import itertools
from collections import Counter, defaultdict
from pathlib import Path

from firsthand import clock
from firsthand.toy.week.check_questions import options, targets
from firsthand.toy.week.findings import Findings
from firsthand.toy.week.folder import Folder, Row
from firsthand.toy.week.splits import SPLITS, block_at, blocks


def check_splits(folder: Folder) -> Findings:
    found = Findings()
    for split in SPLITS:
        with found.about("splits", split):
            wanted = [{"identity": b.identity, "days": list(b.days)} for b in blocks(folder.size) if b.split == split]
            found.require(
                folder.splits[split]["blocks"] == wanted, "splits", split, "has other people or days than the rule"
            )
    _each_once(folder, "clips", [clip.video for clip in folder.all_clips()], found)
    _each_once(folder, "questions", [str(row.get("ID")) for row in folder.all_questions()], found)
    belongs = {clip.video: _split_at(folder, clip.identity, clip.start) for clip in folder.all_clips()}
    traces: dict[str, dict[str, str]] = {split: {} for split in SPLITS}  # what a split contains -> where that was read
    for split in SPLITS:
        for name in folder.splits[split]["clips"]:
            found.require(
                belongs.get(name) == split, "splits", name, f"listed in {split}, recorded for {belongs.get(name)}"
            )
            traces[split][f"video {_sha256(folder.out / name)}"] = name
    rows = {row.get("ID"): row for row in folder.all_questions()}
    for split in SPLITS:
        for name in folder.splits[split]["questions"]:
            with found.about("splits", name):
                row = rows[name]
                own = _split_at(folder, row["identity"], clock.from_question(row["query_time"]))
                found.require(own == split, "splits", name, f"listed in {split}, asked in {own}")
                for target in targets(row):
                    own = _split_at(folder, row["identity"], target)
                    found.require(own == split, "splits", name, f"its evidence is of {own}")
                traces[split] |= dict.fromkeys(_traces(row), name)
    for one, other in itertools.combinations(SPLITS, 2):
        for shared in sorted(traces[one].keys() & traces[other].keys()):
            message = f"the same in {one} and {other} ({traces[other][shared]}): {shared}"
            found.require(False, "splits", traces[one][shared], message)
    return found


def _each_once(folder: Folder, what: str, wanted: list[str], found: Findings) -> None:
    listed: Counter[str] = Counter()
    where: dict[str, set[str]] = defaultdict(set)
    for split in SPLITS:
        for name in folder.splits[split][what]:
            listed[name] += 1
            where[name].add(split)
    for name in sorted(set(wanted) | set(listed)):
        times = listed[name] if name in wanted else 0
        message = f"in {', '.join(sorted(where[name])) or 'no split'}, {listed[name]} times; should be in one, once"
        found.require(times == 1, "splits", name, message)


def _traces(row: Row) -> list[str]:
    """What must not come back in another split: the question as asked, and each fact that its answer rests on."""
    asked = f"question {row['question']} {sorted(options(row).values())} {row.get('clip')} {row['target_time']}"
    return [asked, *(f"fact {row['identity']} {clock.stamp(target)}" for target in targets(row))]


def _split_at(folder: Folder, identity: str, moment: float) -> str | None:
    block = block_at(folder.size, identity, moment)
    return block.split if block else None


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else f"missing {path.name}"
