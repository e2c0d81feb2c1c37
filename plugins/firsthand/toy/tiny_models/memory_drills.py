"""What a text-only model is trained on besides the text drills: reading a record of memory, and searching for one.

The records hold drawn sentences, not a week's. What is drilled are the skills that an agent needs and that no base of
a million parameters has by itself: finding the last sentence about a thing, saying that it is missing, copying names
into a call. When to search and what to do with the result is left to the traces of the agent.
"""

import random

from firsthand import clock
from firsthand.rollout import prompt
from firsthand.rollout.dialects import call
from firsthand.toy.tiny_models.drills import Turn, option_lines
from firsthand.toy.week import captions, world
from firsthand.toy.week.question_drafts import LETTERS

Event = tuple[str, str, str, str, str | None]  # verb, thing, hand, room, guest
RECITED, ASKED = 10, 2  # facts and questions per record, so that the model reads a record once for several of them


def recital_row(rng: random.Random) -> list[Turn]:
    """Facts of one record, each value right after its thing: which thing comes next is random, its value is not.

    As with letters, one fact alone teaches a tiny model nothing for thousands of steps; and a value that stands behind
    more words than its thing is learnt later still.
    """
    things = rng.sample(world.OBJECTS, rng.randint(3, 6))
    said = [_event(rng, thing) for thing in things]
    recital = ", ".join(f"{event[1]} {_value(event)} " for event in rng.choices(said, k=RECITED))
    return [(f"{_record(said, rng)}\nwhat is said ?", recital.strip())]


def memory_row(rng: random.Random) -> list[Turn]:
    return read_turns(rng) if rng.random() < 0.75 else [search_drill(rng) for _ in range(ASKED)]


def read_turns(rng: random.Random) -> list[Turn]:
    """Questions about a record, some about things that it does not name; what was last said of a thing counts.

    The first question stands before the record as often as after it: an agent reads its options long before the result
    of its search.
    """
    said = [_event(rng) for _ in range(rng.randint(3, 10))]
    last = {event[:2]: event for event in said}
    turns = []
    for number in range(ASKED):
        asked = rng.choice(list(last.values())) if rng.random() < 0.7 else _event(rng)
        verb, thing = asked[:2]
        found = last.get((verb, thing))
        value = _value(found or asked)
        options = [value, *rng.sample([other for other in _values(verb) if other != value], 3)]
        rng.shuffle(options)
        question = f"{captions.LAST[verb].format(thing)}\n{option_lines(options)}"
        letter = LETTERS[options.index(value)]
        answer = f"nothing of the {thing} ."
        if found:
            answer = prompt.response(f"the {thing} {value} {letter}", letter, "ego_r1_brief")
        parts = [_record(said, rng), question] if number == 0 else [question]
        if rng.random() < 0.5:
            parts.reverse()
        turns.append(("\n".join(parts), answer))
    return turns


def search_drill(rng: random.Random) -> Turn:
    """The words of a question, and sometimes a day, copied into a call as an agent writes it."""
    verb, thing = _event(rng)[:2]
    where, arguments = "week", {"level": "week", "keywords": [*verb.split(), thing]}
    if rng.random() < 0.5:
        day = rng.randint(1, 7)
        where, start = f"day {day}", clock.stamp(clock.midnight(day))
        arguments = {**arguments, "level": "day", "start_time": start}
    turn = call(f"search the {where} for {thing} .", "rag", arguments, "ego_r1")
    return f"search the {where} : {captions.LAST[verb].format(thing)}", turn


def _record(said: list[Event], rng: random.Random) -> str:
    """A record as a search returns it."""
    began = clock.midnight(rng.randint(1, 7)) + rng.randrange(8 * 3600, 20 * 3600)
    span = clock.format_range(began, began + rng.randrange(120, 3600))
    return f"<information>{span}: {' '.join(captions.sentence(*event) for event in said)}</information>"


def _event(rng: random.Random, thing: str = "") -> Event:
    verb = rng.choice(tuple(captions.LAST))
    guest = rng.choice(world.GUESTS) if verb == "hand over" else None
    return verb, thing or rng.choice(world.OBJECTS), rng.choice(("left", "right")), rng.choice(world.ROOMS), guest


def _value(event: Event) -> str:
    return event[4] or event[3]


def _values(verb: str) -> tuple[str, ...]:
    return tuple(world.GUESTS if verb == "hand over" else world.ROOMS)
