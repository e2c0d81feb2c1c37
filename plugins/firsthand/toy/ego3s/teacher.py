"""The teacher of the SFT rows: it thinks, answers and names what the answer rests on.

It is imperfect as machines are. Asked about what hands do it looks at another thing on the table in `away` of its
traces, thinks on from there, and so is mostly wrong, or right for the wrong reason. And what it names is not always
what it looked at: so grounding and accuracy are two things that reinforcement can pay apart. Nothing marks its faults.
"""

import random

from firsthand.question import Question
from firsthand.rollout import prompt
from firsthand.toy.ego3s.asked import Asked
from firsthand.toy.ego3s.drafts import ORDERED
from firsthand.toy.week import world

OTHER, LIST = 0.2, 0.2  # share of the traces that name another thing of the table, or that and two more


def trace(question: Question, asked: Asked, away: float, rng: random.Random) -> str:
    thing, sentences, answer = _thoughts(asked, question, away, rng)
    letter = next(letter for letter, option in question.options.items() if option == answer)
    thought = " . ".join([*sentences, f"{answer} {letter}"])
    return prompt.response(thought, letter, question.style, ", ".join(_named(thing, asked, rng)))


def _thoughts(asked: Asked, question: Question, away: float, rng: random.Random) -> tuple[str, list[str], str]:
    """The thing that is looked at, what is thought of it, and the option that follows."""
    truth, subject, state = question.options[question.answer or ""], asked.row["keywords"].split(",")[0], asked.state
    if asked.label == "interaction":
        looks_away = rng.random() < away
        thing = rng.choice([name for name in state.table if name != asked.held]) if looks_away else str(asked.held)
        seen = f"the table has the {thing}" if looks_away else f"my {state.hand} hand has the {thing}"
        if asked.kind == "held home":
            home = world.THINGS[thing].home
            return thing, [seen, f"i keep the {thing} in the {home}"], home
        if asked.kind == "held colour":
            colour = world.THINGS[thing].colour
            return thing, [seen, f"the {thing} is {colour}"], colour
        return thing, [seen], thing
    if asked.label == "order":
        verb = rng.choice(ORDERED) if rng.random() < away else truth
        return subject, [f"i {verb} the {subject}"], verb
    if asked.kind == "room":
        return state.table[0], [f"i am in the {truth}"], truth
    if asked.kind == "table":
        return truth, [f"the table has the {truth}"], truth
    if asked.kind == "home":
        return subject, [f"i keep the {subject} in the {truth}"], truth
    return subject, [f"the {subject} is {truth}"], truth


def _named(thing: str, asked: Asked, rng: random.Random) -> list[str]:
    others = rng.sample([name for name in asked.state.table if name != thing], 2)
    draw = rng.random()
    return others[:1] if draw < OTHER else [thing, *others] if draw < OTHER + LIST else [thing]
