"""The captions of 30-second clips and the 10-minute, hour and day summaries, in the records of Ego-R1's memory.

A summary is extracted, never written anew: each level keeps some of the sentences of the level below it, word for word
and in order, so every sentence of a day can be traced to the clip that shows it. No 10-minute or hour record crosses a
recording gap; a day record covers the recorded part of its day.
"""

from collections.abc import Callable, Iterable
from typing import Any

from firsthand import clock
from firsthand.toy.week.plan import Clip

Record = dict[str, Any]

# The forms in which the last sentence about a thing is asked for.
LAST = {
    "put down": "i need the {} . in which room did i last put it down ?",
    "hand over": "who did i last hand over the {} to ?",
}


def sentence(verb: str, thing: str, hand: str, room: str, guest: str | None = None) -> str:
    to = f" to {guest}" if guest else ""
    return f"i {verb} the {thing}{to} in the {room} with my {hand} hand ."


def caption(clip: Clip) -> list[str]:
    first, second, third, last = (f"the {thing}" for thing in clip.table)
    lines = [f"i am in the {clip.room} .", f"on the table i see {first} , {second} , {third} and {last} ."]
    if clip.carried:
        lines.append(sentence("hold", clip.carried.thing, clip.carried.hand, clip.room))
    lines += [sentence(e.verb, e.thing, e.hand, clip.room, e.guest) for e in clip.events]
    return lines if len(lines) > 2 else [*lines, "my hands are empty ."]


def memory(clips: list[Clip]) -> dict[str, list[Record]]:
    """All levels of one person: level -> records in the order of time."""
    clip_level = [_record(clip.start, clip.end, caption(clip)) for clip in clips]
    levels = {"30s": clip_level}
    levels["10min"] = _summaries(clip_level, _same_ten_minutes, _events_only)
    levels["1hour"] = _summaries(levels["10min"], _same_hour, _where_things_went)
    levels["1day"] = _summaries(levels["1hour"], _same_day, _where_things_ended)
    return levels


def sentences(text: str) -> list[str]:
    return [f"{part} ." for part in text.removesuffix(" .").split(" . ") if part]


def _record(start: float, end: float, lines: Iterable[str]) -> Record:
    return {"generated_text": " ".join(lines), **clock.to_record(start, end)}


def _summaries(
    finer: list[Record], belongs: Callable[[list[Record], Record], bool], keep: Callable[[list[str]], list[str]]
) -> list[Record]:
    groups: list[list[Record]] = []
    for record in finer:
        if groups and belongs(groups[-1], record):
            groups[-1].append(record)
        else:
            groups.append([record])
    summaries = []
    for group in groups:
        lines = [line for record in group for line in sentences(record["generated_text"])]
        summaries.append(_record(clock.from_record(group[0])[0], clock.from_record(group[-1])[1], keep(lines)))
    return summaries


def _touches(group: list[Record], record: Record) -> bool:
    return clock.from_record(group[-1])[1] == clock.from_record(record)[0]


def _same_ten_minutes(group: list[Record], record: Record) -> bool:
    first, start = clock.from_record(group[0])[0], clock.from_record(record)[0]
    return _touches(group, record) and clock.window(first, "10min") == clock.window(start, "10min")


def _same_hour(group: list[Record], record: Record) -> bool:
    """An hour counts from its first member, as in EgoLife's own event logs."""
    length = clock.seconds_between(clock.from_record(group[0])[0], clock.from_record(record)[1])
    return _touches(group, record) and length <= clock.LEVELS["1hour"]


def _same_day(group: list[Record], record: Record) -> bool:
    return group[0]["date"] == record["date"]


def _events_only(lines: list[str]) -> list[str]:
    kept = [line for line in lines if not line.startswith(("i am in", "on the table", "i hold", "my hands"))]
    return kept or lines[:1]


def _where_things_went(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith(("i put down", "i hand over"))] or lines[:1]


def _where_things_ended(lines: list[str]) -> list[str]:
    """The last of the hours' sentences about each thing."""
    last = {_thing(line): number for number, line in enumerate(lines)}
    return [line for number, line in enumerate(lines) if number in last.values()]


def _thing(line: str) -> str:
    return line.partition(" the ")[2].partition(" ")[0]
