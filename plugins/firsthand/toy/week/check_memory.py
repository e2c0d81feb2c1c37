"""Proofs about captions and summaries, by reading their sentences back with patterns of their own."""

import itertools
import re

from firsthand import clock
from firsthand.toy.week import captions
from firsthand.toy.week.findings import Claims, Findings
from firsthand.toy.week.folder import Folder, Row
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
            found.prove("captions", f"{identity} 30s {clock.stamp(clip.start)}", _caption(clip, record))
        for finer, level in itertools.pairwise(clock.LEVELS):
            covered: list[Row] = []
            for record in levels[level]:
                name = f"{identity} {level} {record.get('date')} {record.get('start_time')}"
                found.prove("summaries", name, _summary(level, record, levels[finer], covered))
            message = f"{len(levels[finer])} finer records, {len(covered)} of them in its summaries"
            found.require(len(covered) == len(levels[finer]), "summaries", f"{identity} {level}", message)
    return found


def _caption(clip: Clip, record: Row) -> Claims:
    text = record["generated_text"]
    room, table = ROOM.search(text), TABLE.search(text)
    deeds = [(d["verb"], d["thing"], d["hand"], d["guest"], d["room"]) for d in DEED.finditer(text)]
    truth = [(e.verb, e.thing, e.hand, e.guest, clip.room) for e in clip.events]
    if clip.carried:
        truth.insert(0, ("hold", clip.carried.thing, clip.carried.hand, None, clip.room))
    read = len(deeds) + bool(room) + bool(table) + ("my hands are empty ." in text)
    yield room and room[1] == clip.room, f"does not say that the room is {clip.room}"
    yield table and table.groups() == clip.table, "does not say what lies on the table"
    yield deeds == truth, f"says {deeds}, truth says {truth}"
    yield read == len(captions.sentences(text)), "has a sentence that truth does not know"
    yield clock.from_record(record) == (clip.start, clip.end), "is not timed as its clip"


def _summary(level: str, record: Row, finer: list[Row], covered: list[Row]) -> Claims:
    """`covered` grows by the finer records that lie within this one."""
    start, end = clock.from_record(record)
    members = [one for one in finer if start <= clock.from_record(one)[0] and clock.from_record(one)[1] <= end]
    covered += members
    times = [clock.from_record(one) for one in members]
    length = clock.seconds_between(start, end)
    gap = any(a[1] != b[0] for a, b in itertools.pairwise(times))
    yield times and (start, end) == (times[0][0], times[-1][1]), "not its parts' time"
    yield length <= clock.LEVELS[level], f"covers {length} seconds"
    yield not (gap and level in NEVER_OVER_A_GAP), "crosses a recording gap"
    below = iter([line for one in members for line in captions.sentences(one["generated_text"])])
    made_up = [line for line in captions.sentences(record["generated_text"]) if line not in below]
    yield not made_up, f"not in the level below, or not in order: {made_up[:1]}"
