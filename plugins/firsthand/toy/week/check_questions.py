"""Proofs about questions: the schema, and that each can be answered from the source its label names, not from less.

Memory questions are answered anew from the text of the 30-s captions, once with what was known at query time, once with
only the last hour, once with the whole block; the code that asked them is not used.
"""

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from firsthand import clock
from firsthand.toy.week import world
from firsthand.toy.week.check_memory import DEED
from firsthand.toy.week.findings import Findings
from firsthand.toy.week.folder import Folder
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
Row = dict[str, Any]
Deed = tuple[float, float, dict[str, str]]  # start and end of the record, groups of DEED


def check_questions(folder: Folder) -> Findings:
    found = Findings()
    ids = Counter(row.get("ID") for row in folder.all_questions())
    clips = {clip.video: clip for clip in folder.all_clips()}
    for identity, rows in folder.questions.items():
        for number, row in enumerate(rows, 1):
            name = str(row.get("ID") or f"{identity} question {number}")
            with found.about("schema", name):
                _check_schema(row, identity, ids, found, name)
            label = f"label {row.get('answerable_from')}"
            with found.about(label, name):
                block = block_at(folder.size, row["identity"], clock.from_question(row["query_time"]))
                found.require(block is not None, label, name, "asked on a day that is in no split")
                if row["answerable_from"] == "prior":
                    _check_prior(row, found, name)
                elif row["answerable_from"] == "memory" and block:
                    _check_memory(row, _deeds(folder.memory[identity]["30s"], block), folder, found, name)
                elif row["answerable_from"] in ("scene", "interaction"):
                    _check_seen(row, clips[row["clip"]], found, name)
    return found


def options(row: Row) -> dict[str, str]:
    return {letter: row[f"choice_{letter.lower()}"] for letter in LETTERS}


def targets(row: Row) -> list[float]:
    target = row["target_time"]
    if target is None:
        return []
    return [clock.at(target["date"], time) for time in target.get("time_list", [target.get("time")])]


def _check_schema(row: Row, identity: str, ids: Counter, found: Findings, name: str) -> None:
    missing = [key for key in KEYS if key not in row]
    found.require(not missing, "schema", name, f"without {', '.join(missing)}")
    found.require(ids[row["ID"]] == 1, "schema", name, f"the ID is used {ids[row['ID']]} times")
    found.require(row["identity"] == identity, "schema", name, f"identity {row['identity']} in {identity}'s file")
    found.require(row["type"] in TYPES, "schema", name, f"type {row['type']!r} is not one of {', '.join(TYPES)}")
    found.require(row["answerable_from"] in LABELS, "schema", name, f"unknown label {row['answerable_from']!r}")
    found.require(row["answer"] in LETTERS, "schema", name, f"answer {row['answer']!r} is not a letter of {LETTERS}")
    found.require(len(set(options(row).values())) == len(LETTERS), "schema", name, "two options are the same")
    asked = clock.from_question(row["query_time"])
    found.require(
        all(target < asked for target in targets(row)), "schema", name, "target_time is not before query_time"
    )


def _check_prior(row: Row, found: Findings, name: str) -> None:
    """The answer follows from world.py alone."""
    home = re.fullmatch(r"where do i usually keep the (\w+) \?", row["question"])
    colour = re.fullmatch(r"which colour is the (\w+) \?", row["question"])
    right = world.THINGS[home[1]].home if home else world.THINGS[colour[1]].colour if colour else None
    found.require(_letter(row, right) == row["answer"], "label prior", name, f"the world says {right}")
    found.require(not ({"clip", "moment"} & set(row)), "label prior", name, "has a clip, needs none")


def _check_seen(row: Row, clip: Clip, found: Findings, name: str) -> None:
    label, moment = row["answerable_from"], clock.plus(clip.start, row["moment"])
    state = clip.state(clock.frame_at(clip.start, moment))
    at_query = clip.state(clock.frame_at(clip.start, clock.from_question(row["query_time"])))
    check = f"label {label}"
    found.require(targets(row) == [moment], check, name, "target_time is not the moment in the clip")
    if label == "scene":
        found.require(state.verb is None, check, name, f"the hands do something: {state.verb}")
        shown = [key for key, option in options(row).items() if option in (state.room, *state.table)]
        found.require(shown == [row["answer"]], check, name, f"visible are the options {shown}")
        found.require(at_query.room == state.room and not at_query.verb, check, name, "no longer so at query_time")
        return
    asks = re.fullmatch(r"which thing do i (.+) \?", row["question"])
    found.require(asks and asks[1] == state.verb, check, name, f"the hands {state.verb}")
    found.require(set(options(row).values()) == set(state.table), check, name, "an option is not on the table")
    found.require(_letter(row, state.thing) == row["answer"], check, name, f"in the hand is the {state.thing}")
    found.require(at_query.thing == state.thing, check, name, "no longer so at query_time")
    found.require(only_region_tells(state), check, name, "the frame outside the interaction region tells the thing")


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


def _check_memory(row: Row, deeds: list[Deed], folder: Folder, found: Findings, name: str) -> None:
    asked = clock.from_question(row["query_time"])
    hour_ago = clock.plus(asked, -AGE)
    known = [deed for deed in deeds if deed[1] <= asked]
    right = _letter(row, recall(row["question"], known))
    recent = _letter(row, recall(row["question"], [deed for deed in known if deed[1] > hour_ago]))
    later = _letter(row, recall(row["question"], deeds))
    check = "label memory"
    found.require(right == row["answer"], check, name, f"what was known at query_time gives {right}")
    found.require(recent != row["answer"], check, name, "the last hour alone gives the answer")
    found.require(later == row.get("distractor") != right, check, name, f"with the future it is {later}, no distractor")
    first = targets(row)[0]
    evidence = [deed for deed in known if deed[0] <= first < deed[1]]
    found.require(evidence and evidence[0][1] <= hour_ago, check, name, "no evidence at target_time")
    place = re.search(r"i need the (\w+) \.", row["question"])
    if place:
        home = world.THINGS[place[1]].home
        found.require(home not in options(row).values(), check, name, "the prior's room is an option")
        here = next((c.room for c in folder.clips[row["identity"]] if c.start < asked <= c.end), None)
        found.require(here != options(row)[row["answer"]], check, name, "asked in the room that is the answer")


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
