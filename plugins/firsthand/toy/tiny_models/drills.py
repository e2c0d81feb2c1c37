"""What a tiny base model is trained on: naming what it sees, binding options to letters, copying names into a call.

Frames are drawn at random, not taken from a week, so no question of a week is ever seen. A conversation holds several
drills on one frame (or one short video), because every assistant turn is trained and the picture is paid for once.
Letters are drilled as look-ups in option lists: from random weights a tiny model does not learn them any other way.
"""

import json
import random

from firsthand import clock
from firsthand.question import StyleName
from firsthand.rollout import prompt
from firsthand.toy.week import world
from firsthand.toy.week.question_drafts import LETTERS
from firsthand.toy.week.world import State

Turn = tuple[str, str]  # user text, assistant text


def listing(things: tuple[str, ...] | list[str]) -> str:
    named = [f"the {thing}" for thing in things]
    return " , ".join(named[:-1]) + f" and {named[-1]}" if len(named) > 1 else named[0]


def option_lines(options: list[str]) -> str:
    return "\n".join(f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False))


def see_drills(state: State, rng: random.Random) -> list[Turn]:
    held = f"my {state.hand} hand has the {state.thing} ." if state.thing else "my hands have nothing ."
    drills = [
        ("which room am i in ?", f"i am in the {state.room} ."),
        ("what lies on the table ?", f"the table has {listing(state.table)} ."),
        ("what do my hands have ?", held),
        ("what do you see ?", f"i am in the {state.room} . the table has {listing(state.table)} . {held}"),
    ]
    return rng.sample(drills, 2)


def do_drill(state: State) -> Turn:
    """For videos only: what happens takes more than one frame to see."""
    if state.verb is None:
        return ("what do i do ?", "i do nothing .")
    target = f" to {state.guest}" if state.guest else ""
    return ("what do i do ?", f"i {state.verb} the {state.thing}{target} .")


def letter_drill(options: list[str], rng: random.Random, lookups: int = 10) -> Turn:
    """Look-ups in one option list, each letter right after its option: the order of the options is random, their
    letters are not. A question with one far-away answer teaches a tiny model nothing for thousands of steps."""
    asked = rng.choices(list(zip(LETTERS, options, strict=False)), k=lookups)
    return (f"which letters ?\n{option_lines(options)}", " , ".join(f"{option} {letter}" for letter, option in asked))


def one_letter_drill(options: list[str], rng: random.Random) -> Turn:
    """The same with one option, and its letter once more where an answer is read."""
    letter, option = rng.choice(list(zip(LETTERS, options, strict=False)))
    return (f"which letter is {option} ?\n{option_lines(options)}", f"{option} {letter}\n<answer>{letter}</answer>")


def fact_drills(rng: random.Random) -> list[Turn]:
    things = rng.sample(world.OBJECTS, 2)
    return [
        (f"where do i keep the {things[0]} ?", f"i keep the {things[0]} in the {world.THINGS[things[0]].home} ."),
        (f"which colour has the {things[1]} ?", f"the {things[1]} is {world.THINGS[things[1]].colour} ."),
    ]


def call_drill(rng: random.Random) -> Turn:
    """Names and times copied into a call, in the form of Hermes or in Ego-R1's."""
    form, frame = rng.choice((("tool_call", "<tool_call>\n{}\n</tool_call>"), ("tool", "<tool>{}</tool>")))
    thing, room, level = rng.choice(world.OBJECTS), rng.choice(world.ROOMS), rng.choice(("week", "day", "hour"))
    words = rng.choice(([thing], [thing, room]))
    first, last = int(clock.midnight(1)), int(clock.midnight(8))
    start, end = sorted(rng.randrange(first, last) for _ in range(2))
    arguments = {"level": level, "keywords": words, "start_time": clock.stamp(start), "query_time": clock.stamp(end)}
    asked = f"{form} : search the {level} for {listing(words)} from {clock.stamp(start)} to {clock.stamp(end)} ."
    return (asked, frame.format(json.dumps({"name": "rag", "arguments": arguments})))


def read_drill(rng: random.Random) -> Turn:
    """A fact to find in a few sentences like those that a search returns."""
    things = rng.sample(world.OBJECTS, 3)
    lines = [f"i put down the {thing} in the {rng.choice(world.ROOMS)} ." for thing in things]
    asked = rng.randrange(3)
    room = lines[asked].split()[-2]
    text = "\n".join(lines)
    if rng.random() < 0.5:
        text = f"<information>{text}</information>"
    return (f"{text}\nwhere is the {things[asked]} ?", f"the {things[asked]} is in the {room} .")


def letters_row(rng: random.Random) -> list[Turn]:
    return [letter_drill(random_options(rng), rng)]


def random_options(rng: random.Random) -> list[str]:
    return rng.sample(rng.choice((world.OBJECTS, world.ROOMS, tuple(world.COLOURS), world.GUESTS)), 4)


def text_row(rng: random.Random) -> list[Turn]:
    if rng.random() < 0.5:
        return letters_row(rng)
    other = rng.choice((fact_drills(rng), [call_drill(rng)], [read_drill(rng)]))
    drills = [one_letter_drill(random_options(rng), rng), *other]
    rng.shuffle(drills)
    return drills


def picture_row(state: State, rng: random.Random, video: bool) -> list[Turn]:
    drills = see_drills(state, rng) + ([do_drill(state)] if video else [])
    rng.shuffle(drills)
    options = list(state.table)
    rng.shuffle(options)
    return [*drills, letter_drill(options, rng, lookups=4)]


def chat(turns: list[Turn], rng: random.Random, medium: str = "", style: StyleName = "choice") -> list[dict[str, str]]:
    """Some conversations open with the system prompt of the real task, so that meeting it later changes nothing."""
    messages = [{"role": "system", "content": prompt.system(style)}] if rng.random() < 0.25 else []
    for number, (user, assistant) in enumerate(turns):
        messages.append({"role": "user", "content": (medium if number == 0 else "") + user})
        messages.append({"role": "assistant", "content": assistant})
    return messages
