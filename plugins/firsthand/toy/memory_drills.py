"""What a model without eyes is trained on beside the text drills: reading a record of memory, and searching for one.

The records hold drawn sentences, not a week's. What is drilled are the skills that an agent needs and that no base of
a million parameters has by itself: to find the last sentence about a thing, to say so when there is none, to copy names
into a call. When to search and what to do with the result is left to the traces of the agent.
"""

import json
import random

from firsthand import clock
from firsthand.toy import captions, world
from firsthand.toy.drills import LETTERS, Turn, option_lines

RECITED, ASKED = 6, 2  # sentences and questions of one record: it is paid for once


def memory_row(rng: random.Random) -> list[Turn]:
    return read_turns(rng) if rng.random() < 0.75 else [search_drill(rng) for _ in range(ASKED)]


def read_turns(rng: random.Random) -> list[Turn]:
    """Sentences of a record by their beginnings, many at once; then questions, some about things that it does not name.

    The many come first because a single sentence out of a record teaches a tiny model nothing for thousands of steps.
    """
    said = [_event(rng) for _ in range(rng.randint(3, 9))]
    last = {event[:2]: event for event in said}  # what was done to a thing -> the last time
    began = clock.midnight(rng.randint(1, 7)) + rng.randrange(8 * 3600, 20 * 3600)
    text = " ".join(captions.sentence(*event) for event in said)
    record = f"<information>{clock.format_range(began, began + rng.randrange(120, 3600))}: {text}</information>"
    wanted = rng.choices(list(last), k=RECITED)
    names = " , ".join(" ".join(key) for key in wanted)
    turns = [(f"{record}\nread {names} .", " ".join(captions.sentence(*last[key]) for key in wanted))]
    for _ in range(ASKED):
        verb, thing = rng.choice(list(last)) if rng.random() < 0.7 else _event(rng)[:2]
        found = last.get((verb, thing))
        value = (found[4] or found[3]) if found else rng.choice(_values(verb))
        options = [value, *rng.sample([other for other in _values(verb) if other != value], 3)]
        rng.shuffle(options)
        answer = f"{captions.sentence(*found)} {value} {LETTERS[options.index(value)]}" if found else ""
        asked = f"{captions.LAST[verb].format(thing)}\n{option_lines(options)}"
        turns.append((asked, answer or f"nothing of the {thing} ."))
    return turns


def search_drill(rng: random.Random) -> Turn:
    """The words of a question and a day, copied into a call."""
    verb, thing = _event(rng)[:2]
    day, level = rng.randint(1, 7), rng.choice(("week", "day"))
    keywords = [*verb.split(), thing]
    arguments = {"level": level, "keywords": keywords, "start_time": clock.stamp(clock.midnight(day))}
    call = json.dumps({"name": "rag", "arguments": arguments})
    return (f"search the {level} , day {day} : {captions.LAST[verb].format(thing)}", f"<tool>{call}</tool>")


def _event(rng: random.Random) -> tuple[str, str, str, str, str | None]:
    verb = rng.choice(tuple(captions.LAST))
    guest = rng.choice(world.GUESTS) if verb == "hand over" else None
    return verb, rng.choice(world.OBJECTS), rng.choice(("left", "right")), rng.choice(world.ROOMS), guest


def _values(verb: str) -> tuple[str, ...]:
    return tuple(world.GUESTS if verb == "hand over" else world.ROOMS)
