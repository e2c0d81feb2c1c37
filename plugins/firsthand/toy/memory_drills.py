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

Event = tuple[str, str, str, str, str | None]  # verb, thing, hand, room, guest
RECITED, ASKED = 12, 2  # sentences and questions of one record: it is paid for once


def recital_row(rng: random.Random) -> list[Turn]:
    """Many sentences of a record by their beginnings: one alone teaches a tiny model nothing for thousands of steps."""
    record, last = _record(rng, 6)
    wanted = rng.choices(list(last), k=RECITED)
    names = " , ".join(" ".join(key) for key in wanted)
    return [(f"{record}\nread {names} .", " . ".join(_beginning(last[key]) for key in wanted))]


def memory_row(rng: random.Random) -> list[Turn]:
    return read_turns(rng) if rng.random() < 0.75 else [search_drill(rng) for _ in range(ASKED)]


def read_turns(rng: random.Random) -> list[Turn]:
    """Questions about a record, some about things that it does not name."""
    record, last = _record(rng, 10)
    turns = []
    for number in range(ASKED):
        verb, thing = rng.choice(list(last)) if rng.random() < 0.7 else _event(rng)[:2]
        found = last.get((verb, thing))
        value = (found[4] or found[3]) if found else rng.choice(_values(verb))
        options = [value, *rng.sample([other for other in _values(verb) if other != value], 3)]
        rng.shuffle(options)
        asked = f"{captions.LAST[verb].format(thing)}\n{option_lines(options)}"
        answer = f"{_beginning(found)} . {value} {LETTERS[options.index(value)]}" if found else ""
        turns.append((f"{record}\n" * (number == 0) + asked, answer or f"nothing of the {thing} ."))
    return turns


def _record(rng: random.Random, longest: int) -> tuple[str, dict[tuple[str, str], Event]]:
    """A record as a search gives it back, and what was done to a thing -> the last time in it."""
    said = [_event(rng) for _ in range(rng.randint(3, longest))]
    began = clock.midnight(rng.randint(1, 7)) + rng.randrange(8 * 3600, 20 * 3600)
    text = " ".join(captions.sentence(*event) for event in said)
    span = clock.format_range(began, began + rng.randrange(120, 3600))
    return f"<information>{span}: {text}</information>", {event[:2]: event for event in said}


def _beginning(event: Event) -> str:
    """The sentence up to what is asked for; which hand it was is not."""
    return captions.sentence(*event).split(" with ")[0]


def search_drill(rng: random.Random) -> Turn:
    """The words of a question and a day, copied into a call."""
    verb, thing = _event(rng)[:2]
    day, level = rng.randint(1, 7), rng.choice(("week", "day"))
    keywords = [*verb.split(), thing]
    arguments = {"level": level, "keywords": keywords, "start_time": clock.stamp(clock.midnight(day))}
    call = json.dumps({"name": "rag", "arguments": arguments})
    return (f"search the {level} , day {day} : {captions.LAST[verb].format(thing)}", f"<tool>{call}</tool>")


def _event(rng: random.Random) -> Event:
    verb = rng.choice(tuple(captions.LAST))
    guest = rng.choice(world.GUESTS) if verb == "hand over" else None
    return verb, rng.choice(world.OBJECTS), rng.choice(("left", "right")), rng.choice(world.ROOMS), guest


def _values(verb: str) -> tuple[str, ...]:
    return tuple(world.GUESTS if verb == "hand over" else world.ROOMS)
