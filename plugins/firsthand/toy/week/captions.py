"""The captions of 30-second clips and the 10-minute, hour and day summaries, in the records of Ego-R1's memory.

A summary is extracted, never written anew: each level keeps some of the sentences of the level below it, word for word
and in order, so every sentence of a day can be traced to the clip that shows it. No 10-minute or hour record crosses a
recording gap; a day record covers the recorded part of its day.
"""

from typing import Any

from firsthand import clock
from firsthand.memory.merge import merged, windows
from firsthand.memory.records import Record
from firsthand.toy.week.plan import Clip

Lines = list[str]

# The forms in which the last sentence about a thing is asked for.
LAST = {
    "put down": "i need the {} . in which room did i last put it down ?",
    "hand over": "who did i last hand over the {} to ?",
}


def sentence(verb: str, thing: str, hand: str, room: str, guest: str | None = None) -> str:
    to = f" to {guest}" if guest else ""
    return f"i {verb} the {thing}{to} in the {room} with my {hand} hand ."


def caption(clip: Clip) -> Lines:
    first, second, third, last = (f"the {thing}" for thing in clip.table)
    lines = [f"i am in the {clip.room} .", f"on the table i see {first} , {second} , {third} and {last} ."]
    if clip.carried:
        lines.append(sentence("hold", clip.carried.thing, clip.carried.hand, clip.room))
    lines += [sentence(e.verb, e.thing, e.hand, clip.room, e.guest) for e in clip.events]
    return lines if len(lines) > 2 else [*lines, "my hands are empty ."]


def sentences(text: str) -> Lines:
    return [f"{part} ." for part in text.removesuffix(" .").split(" . ") if part]


def _events_only(lines: Lines) -> Lines:
    kept = [line for line in lines if not line.startswith(("i am in", "on the table", "i hold", "my hands"))]
    return kept or lines[:1]


def _where_things_went(lines: Lines) -> Lines:
    return [line for line in lines if line.startswith(("i put down", "i hand over"))] or lines[:1]


def _where_things_ended(lines: Lines) -> Lines:
    """The last of the hours' sentences about each thing."""
    last = {line.partition(" the ")[2].partition(" ")[0]: number for number, line in enumerate(lines)}
    return [line for number, line in enumerate(lines) if number in last.values()]


# what each level keeps of the level below it
_KEEPS = {"10min": _events_only, "1hour": _where_things_went, "1day": _where_things_ended}


def memory(clips: list[Clip]) -> dict[str, list[dict[str, Any]]]:
    """All levels of one person: level -> records in the order of time, as they are written."""
    levels = {"30s": [Record("", "30s", clip.start, clip.end, " ".join(caption(clip))) for clip in clips]}
    finer = levels["30s"]
    for level, keep in _KEEPS.items():
        groups = windows(finer, level)
        texts = (" ".join(keep([line for one in group for line in sentences(one.text)])) for group in groups)
        finer = levels[level] = [merged(group, level, text) for group, text in zip(groups, texts, strict=True)]
    return {
        level: [{"generated_text": one.text, **clock.to_record(one.start, one.end)} for one in records]
        for level, records in levels.items()
    }
