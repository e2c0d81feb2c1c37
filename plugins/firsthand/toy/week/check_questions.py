"""Proofs about questions: the schema, and that each can be answered from the source its label names, not from less.

Memory questions are answered anew from the text of the 30-s captions, once with what was known at query time, once with
only the last hour, once with the whole block; the code that asked them is not used.
"""

import re
from collections import Counter
from dataclasses import replace

import numpy as np

from firsthand import clock
from firsthand.toy.week import world
from firsthand.toy.week.check_memory import DEED
from firsthand.toy.week.findings import Claims, Findings
from firsthand.toy.week.folder import Folder, Row
from firsthand.toy.week.memory_questions import AGE
from firsthand.toy.week.motion import layout
from firsthand.toy.week.plan import Clip
from firsthand.toy.week.question_drafts import LETTERS
from firsthand.toy.week.questions import LABELS
from firsthand.toy.week.render import render_frame
from firsthand.toy.week.splits import Block, block_at

TYPES = ("EntityLog", "EventRecall", "HabitInsight", "RelationMap", "TaskMaster")
KEYS = (
    "ID", "query_time", "type", "need_audio", "need_name", "last_time", "trigger", "question", "choice_a", "choice_b",
    "choice_c", "choice_d", "answer", "target_time", "keywords", "reason", "identity", "answerable_from",
)  # fmt: skip
MOST = re.compile(r"(?:which (thing)|in which (room)) did i (.+?)(?: things)? most often on day (\d) so far \?")
Deed = tuple[float, float, dict[str, str]]  # start and end of the record, groups of DEED


def check_questions(folder: Folder) -> Findings:
    found = Findings()
    ids = Counter(row.get("ID") for row in folder.all_questions())
    clips = {clip.video: clip for clip in folder.all_clips()}
    for identity, rows in folder.questions.items():
        for number, row in enumerate(rows, 1):
            name = str(row.get("ID") or f"{identity} question {number}")
            found.prove("schema", name, _schema(row, identity, ids))
            found.prove(f"label {row.get('answerable_from')}", name, _label(row, identity, folder, clips))
    return found


def options(row: Row) -> dict[str, str]:
    return {letter: row[f"choice_{letter.lower()}"] for letter in LETTERS}


def targets(row: Row) -> list[float]:
    target = row["target_time"]
    if target is None:
        return []
    return [clock.at(target["date"], time) for time in target.get("time_list", [target.get("time")])]


def _schema(row: Row, identity: str, ids: Counter) -> Claims:
    missing = [key for key in KEYS if key not in row]
    yield not missing, f"without {', '.join(missing)}"
    yield ids[row["ID"]] == 1, f"the ID is used {ids[row['ID']]} times"
    yield row["identity"] == identity, f"identity {row['identity']} in {identity}'s file"
    yield row["type"] in TYPES, f"type {row['type']!r} is not one of {', '.join(TYPES)}"
    yield row["answerable_from"] in LABELS, f"unknown label {row['answerable_from']!r}"
    yield row["answer"] in LETTERS, f"answer {row['answer']!r} is not a letter of {LETTERS}"
    yield len(set(options(row).values())) == len(LETTERS), "two options are the same"
    asked = clock.from_question(row["query_time"])
    yield all(target < asked for target in targets(row)), "target_time is not before query_time"


def _label(row: Row, identity: str, folder: Folder, clips: dict[str, Clip]) -> Claims:
    block = block_at(folder.size, row["identity"], clock.from_question(row["query_time"]))
    yield block is not None, "asked on a day that is in no split"
    if row["answerable_from"] == "prior":
        yield from _prior(row)
    elif row["answerable_from"] == "memory" and block:
        yield from _remembered(row, _deeds(folder.memory[identity]["30s"], block), folder.clips[row["identity"]])
    elif row["answerable_from"] in ("scene", "interaction"):
        yield from _seen(row, clips[row["clip"]])


def _prior(row: Row) -> Claims:
    """The answer follows from world.py alone."""
    home = re.fullmatch(r"where do i usually keep the (\w+) \?", row["question"])
    colour = re.fullmatch(r"which colour is the (\w+) \?", row["question"])
    right = world.THINGS[home[1]].home if home else world.THINGS[colour[1]].colour if colour else None
    yield _letter(row, right) == row["answer"], f"the world says {right}"
    yield not ({"clip", "moment"} & set(row)), "has a clip, needs none"


def _seen(row: Row, clip: Clip) -> Claims:
    moment = clock.plus(clip.start, row["moment"])
    state = clip.state(clock.frame_at(clip.start, moment))
    at_query = clip.state(clock.frame_at(clip.start, clock.from_question(row["query_time"])))
    yield targets(row) == [moment], "target_time is not the moment in the clip"
    if row["answerable_from"] == "scene":
        yield state.verb is None, f"the hands do something: {state.verb}"
        shown = [key for key, option in options(row).items() if option in (state.room, *state.table)]
        yield shown == [row["answer"]], f"visible are the options {shown}"
        yield at_query.room == state.room and not at_query.verb, "no longer so at query_time"
        return
    asks = re.fullmatch(r"which thing do i (.+) \?", row["question"])
    yield asks and asks[1] == state.verb, f"the hands {state.verb}"
    yield set(options(row).values()) == set(state.table), "an option is not on the table"
    yield _letter(row, state.thing) == row["answer"], f"in the hand is the {state.thing}"
    yield at_query.thing == state.thing, "no longer so at query_time"
    yield only_region_tells(state), "the frame outside the interaction region tells the thing"


def only_region_tells(state: world.State) -> bool:
    """With any other thing of the table in the hand, the frame differs inside the region and nowhere else."""
    region = layout(state).region
    if region is None:
        return False
    inside = np.zeros((world.HEIGHT, world.WIDTH), bool)
    inside[region[1] : region[3], region[0] : region[2]] = True
    frame = render_frame(state)
    for thing in set(state.table) - {state.thing}:
        differs = (frame != render_frame(replace(state, thing=thing))).any(-1)
        if not (differs & inside).any() or (differs & ~inside).any():
            return False
    return True


def _remembered(row: Row, deeds: list[Deed], clips: list[Clip]) -> Claims:
    asked = clock.from_question(row["query_time"])
    hour_ago = clock.plus(asked, -AGE)
    known = [deed for deed in deeds if deed[1] <= asked]
    recent = [deed for deed in known if deed[1] > hour_ago]
    right, lately, later = (_letter(row, recall(row["question"], some)) for some in (known, recent, deeds))
    yield right == row["answer"], f"what was known at query_time gives {right}"
    yield lately != row["answer"], "the last hour alone gives the answer"
    yield later == row.get("distractor") != right, f"with the future it is {later}, no distractor"
    first = targets(row)[0]
    evidence = [deed for deed in known if deed[0] <= first < deed[1]]
    yield evidence and evidence[0][1] <= hour_ago, "no evidence at target_time"
    if place := re.search(r"i need the (\w+) \.", row["question"]):
        yield world.THINGS[place[1]].home not in options(row).values(), "the prior's room is an option"
        here = next((clip.room for clip in clips if clip.start < asked <= clip.end), None)
        yield here != options(row)[row["answer"]], "asked in the room that is the answer"


def _deeds(records: list[Row], block: Block) -> list[Deed]:
    return [
        (*clock.from_record(record), deed.groupdict())
        for record in records
        if record["date"] in block.days
        for deed in DEED.finditer(record["generated_text"])
    ]


def recall(question: str, deeds: list[Deed]) -> str | None:
    """The answer to a memory question according to the captions; None if they do not say."""
    if most := MOST.fullmatch(question):
        asked, verb, day = most[1] or most[2], most[3], int(most[4])
        numbers = Counter(d[asked] for start, _, d in deeds if d["verb"] == verb and clock.day(start) == day)
        leaders = [value for value, number in numbers.items() if number == max(numbers.values())]
        return leaders[0] if len(leaders) == 1 else None
    for pattern, subject, value, verb in (
        (r"i need the (\w+) \. in which room did i last put it down \?", "thing", "room", "put down"),
        (r"who did i last hand over the (\w+) to \?", "thing", "guest", "hand over"),
        (r"which thing did i last (pour|open|shake) \?", "verb", "thing", None),
    ):
        if found := re.fullmatch(pattern, question):
            values = [d[value] for _, _, d in deeds if d[subject] == found[1] and d["verb"] == (verb or found[1])]
            return values[-1] if values else None
    return None


def _letter(row: Row, option: str | None) -> str | None:
    return next((letter for letter, text in options(row).items() if text == option), None)
