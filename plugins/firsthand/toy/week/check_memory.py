"""Proofs about captions and summaries, by reading their sentences back with patterns of their own."""

import itertools
import re
from typing import Any

from firsthand import clock
from firsthand.toy.week import captions
from firsthand.toy.week.findings import Findings
from firsthand.toy.week.folder import Folder
from firsthand.toy.week.plan import Clip

ROOM = re.compile(r"i am in the (\w+) \.")
TABLE = re.compile(r"on the table i see the (\w+) , the (\w+) , the (\w+) and the (\w+) \.")
DEED = re.compile(
    r"i (?P<verb>hold|pick up|put down|pour|open|shake|hand over) the (?P<thing>\w+)(?: to (?P<guest>\w+))?"
    r" in the (?P<room>\w+) with my (?P<hand>left|right) hand \."
)
NEVER_OVER_A_GAP = ("10min", "1hour")


def check_memory(folder: Folder) -> Findings:
    found = Findings()
    for identity, levels in folder.memory.items():
        clips = folder.clips[identity]
        message = f"{len(levels['30s'])} captions for {len(clips)} clips"
        found.require(len(levels["30s"]) == len(clips), "captions", identity, message)
        for clip, record in zip(clips, levels["30s"], strict=False):
            name = f"{identity} 30s {clock.stamp(clip.start)}"
            with found.about("captions", name):
                _check_caption(clip, record, found, name)
        names = list(clock.LEVELS)
        for finer, coarser in itertools.pairwise(names):
            _check_summaries(identity, levels[finer], coarser, levels[coarser], found)
    return found


def _check_caption(clip: Clip, record: dict[str, Any], found: Findings, name: str) -> None:
    text = record["generated_text"]
    room, table = ROOM.search(text), TABLE.search(text)
    deeds = [(d["verb"], d["thing"], d["hand"], d["guest"], d["room"]) for d in DEED.finditer(text)]
    truth = [(e.verb, e.thing, e.hand, e.guest, clip.room) for e in clip.events]
    if clip.carried:
        truth.insert(0, ("hold", clip.carried.thing, clip.carried.hand, None, clip.room))
    read = len(deeds) + bool(room) + bool(table) + ("my hands are empty ." in text)
    found.require(room and room[1] == clip.room, "captions", name, f"does not say that the room is {clip.room}")
    found.require(table and table.groups() == clip.table, "captions", name, "does not say what lies on the table")
    found.require(deeds == truth, "captions", name, f"says {deeds}, truth says {truth}")
    found.require(read == len(captions.sentences(text)), "captions", name, "has a sentence that truth does not know")
    found.require(clock.from_record(record) == (clip.start, clip.end), "captions", name, "is not timed as its clip")


def _check_summaries(
    identity: str, finer: list[dict[str, Any]], level: str, records: list[dict[str, Any]], found: Findings
) -> None:
    covered = 0
    for record in records:
        name = f"{identity} {level} {record.get('date')} {record.get('start_time')}"
        with found.about("summaries", name):
            start, end = clock.from_record(record)
            members = [one for one in finer if start <= clock.from_record(one)[0] and clock.from_record(one)[1] <= end]
            covered += len(members)
            times = [clock.from_record(one) for one in members]
            found.require(
                times and (start, end) == (times[0][0], times[-1][1]), "summaries", name, "not its parts' time"
            )
            length = clock.seconds_between(start, end)
            found.require(length <= clock.LEVELS[level], "summaries", name, f"covers {length} seconds")
            gap = any(a[1] != b[0] for a, b in itertools.pairwise(times))
            found.require(not (gap and level in NEVER_OVER_A_GAP), "summaries", name, "crosses a recording gap")
            below = iter([line for one in members for line in captions.sentences(one["generated_text"])])
            made_up = [line for line in captions.sentences(record["generated_text"]) if line not in below]
            found.require(not made_up, "summaries", name, f"not in the level below, or not in order: {made_up[:1]}")
    message = f"{len(finer)} finer records, {covered} of them in its summaries"
    found.require(covered == len(finer), "summaries", f"{identity} {level}", message)
