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

ASKED = 3  # questions about one record: it is paid for once


def memory_row(rng: random.Random) -> list[Turn]:
    return read_turns(rng) if rng.random() < 0.75 else [search_drill(rng) for _ in range(ASKED)]


def read_turns(rng: random.Random) -> list[Turn]:
    """Questions about one record, some about things that it does not name."""
    said = [_event(rng) for _ in range(rng.randint(3, 9))]
    began = clock.midnight(rng.randint(1, 7)) + rng.randrange(8 * 3600, 20 * 3600)
    text = " ".join(captions.sentence(*event) for event in said)
    record = f"<information>{clock.format_range(began, began + rng.randrange(120, 3600))}: {text}</information>\n"
    turns = []
    for number in range(ASKED):
        verb, thing = rng.choice(said)[:2] if rng.random() < 0.7 else _event(rng)[:2]
        about = [event for event in said if event[:2] == (verb, thing)]
        value = (about[-1][4] or about[-1][3]) if about else rng.choice(_values(verb))
        options = [value, *rng.sample([other for other in _values(verb) if other != value], 3)]
        rng.shuffle(options)
        asked = f"{captions.LAST[verb].format(thing)}\n{option_lines(options)}"
        found = f"{captions.sentence(*about[-1])} {value} {LETTERS[options.index(value)]}" if about else ""
        turns.append((record * (number == 0) + asked, found or f"nothing of the {thing} ."))
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
