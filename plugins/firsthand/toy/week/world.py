"""Everything that exists in the toy world, and the state that describes one frame of it.

Everything a language prior can know is fixed here: which room a thing belongs to, what colour it has, what can be done
with it. Everything else (what lies where, what the hands do, who is handed what) is drawn uniformly, so that the prior
is worth nothing on it.

A table slot holds a pile: taking a thing from it leaves another on top. The scene outside the hands therefore never
shows what was taken, so such a question can be answered from the interaction region and from nothing else.
"""

import random
from dataclasses import dataclass

WIDTH, HEIGHT, CELL = 128, 96, 32  # one vision token of a tiny model sees one CELL x CELL square
SLOTS = 4

GUESTS = ("mia", "leo", "noah", "emma")  # wear no camera, so no hand-over is filmed from both sides
ROOMS = ("kitchen", "bathroom", "bedroom", "office", "garden", "garage")
HANDS = ("left", "right")

COLOURS = {
    "red": (220, 25, 30), "green": (0, 140, 60), "pink": (255, 110, 185), "cyan": (0, 200, 230),
    "purple": (130, 45, 190), "yellow": (255, 225, 0), "blue": (30, 60, 230), "black": (20, 20, 25),
    "lime": (150, 230, 40), "orange": (255, 130, 0), "brown": (110, 60, 20), "grey": (120, 120, 130),
}  # fmt: skip


@dataclass(frozen=True)
class Thing:
    colour: str
    home: str


THINGS = {
    "cup": Thing("red", "kitchen"), "bottle": Thing("green", "kitchen"),
    "soap": Thing("pink", "bathroom"), "towel": Thing("cyan", "bathroom"),
    "pillow": Thing("purple", "bedroom"), "lamp": Thing("yellow", "bedroom"),
    "book": Thing("blue", "office"), "phone": Thing("black", "office"),
    "plant": Thing("lime", "garden"), "can": Thing("orange", "garden"),
    "hammer": Thing("brown", "garage"), "box": Thing("grey", "garage"),
}  # fmt: skip
OBJECTS = tuple(THINGS)

# Every verb but `hold` is an event with a beginning and an end; the things that `pour` and `open` make sense for are
# part of the prior, so these verbs happen only at tables where all four things allow them.
VERBS = ("pick up", "put down", "pour", "open", "shake", "hand over")
USES: dict[str, frozenset[str]] = {
    "pour": frozenset({"cup", "bottle", "soap", "can", "box"}),
    "open": frozenset({"bottle", "soap", "book", "phone", "can", "box"}),
    "shake": frozenset(OBJECTS),
}

_OTHER_WORDS = """
. , ? : ; ! ( ) - a b c d 0 1 2 3 4 5 6 7 8 9
i my me you it this that these the an of in on at to from with and or not no nothing none yes
am is are was be do did does has have had can will would let need
which what who where when how why many times often usually last first next now then so far again before after while
see look watch hold keep lie lies find found search answer question option options correct wrong because therefore
think know remember show tell ask use call result tool time day hour minute second today yesterday morning evening
room thing things most table hand hands right left up down over frame video clip memory colour interaction scene empty
both other one two only still already there here good
"""
WORDS: tuple[str, ...] = tuple(
    dict.fromkeys(f"{_OTHER_WORDS} {' '.join((*VERBS, *ROOMS, *OBJECTS, *COLOURS, *GUESTS))}".split())
)


@dataclass(frozen=True)
class Jitter:
    """How one clip differs from another of the same scene: a shift of the camera in pixels and the light."""

    dx: int = 0
    dy: int = 0
    light: float = 1.0


@dataclass(frozen=True)
class State:
    """One frame. `verb` None: both hands rest. `hold`: `thing` is in `hand`. Else the verb is at `phase` (0 to 1)."""

    room: str
    table: tuple[str, ...]  # the thing in each slot, from left to right
    verb: str | None = None
    thing: str | None = None
    hand: str = "right"
    phase: float = 0.0
    guest: str | None = None  # who receives a `hand over`
    tick: int = 0  # frame number, moves the hands a little when nothing happens
    jitter: Jitter = Jitter()


def random_jitter(rng: random.Random) -> Jitter:
    return Jitter(rng.randint(-2, 2), rng.randint(-2, 2), rng.choice((0.92, 0.96, 1.0, 1.04, 1.08)))


def random_table(rng: random.Random, must_have: str | None = None) -> tuple[str, ...]:
    """Four different things; half of the tables allow any verb that four random things allow, the others a given one.

    With `must_have` the table is one that this thing can be put down on.
    """
    known = set() if must_have is None else {must_have}
    pools = [set(OBJECTS), set(OBJECTS), USES["pour"], USES["open"]]
    pool = rng.choice([pool for pool in pools if known <= pool])
    table = [*rng.sample(sorted(pool - known), SLOTS - len(known)), *known]
    rng.shuffle(table)
    return tuple(table)


def uses_at(table: tuple[str, ...]) -> list[str]:
    """The uses that all things of a table allow, so that a use never gives away the thing."""
    return [verb for verb, things in USES.items() if things.issuperset(table)]


def random_state(rng: random.Random) -> State:
    """A frame for drills: any room, table, verb and phase that a week can contain, all equally likely."""
    table = random_table(rng)
    verb = rng.choice([None, "hold", "pick up", "put down", "hand over", *uses_at(table)])
    return State(
        room=rng.choice(ROOMS), table=table, verb=verb, thing=rng.choice(table) if verb else None,
        hand=rng.choice(HANDS), phase=rng.random(), guest=rng.choice(GUESTS) if verb == "hand over" else None,
        tick=rng.randrange(600), jitter=random_jitter(rng),
    )  # fmt: skip
