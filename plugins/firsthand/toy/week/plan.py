"""The plan of a week: who is recorded when, in which room, at which table, and what the hands do; no pixels yet.

A day has a few recording sessions with gaps of more than an hour. A session is a series of 30-second clips without
a gap; it goes through several rooms, and what is in the hand is carried along. Each person and day has its own random
stream, so that a longer week begins with the shorter one.
"""

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from firsthand import clock
from firsthand.errors import UserError
from firsthand.media.names import PEOPLE
from firsthand.toy.week import world
from firsthand.toy.week.world import Jitter, State

FRAMES = clock.CLIP * clock.FPS
MORNING, EVENING = 8, 22  # hours between which sessions lie
STILL = 4  # idle hands move every 4 frames only; frames that repeat cost nothing to draw and little to encode
GAP = 75 * 60  # seconds between two sessions, at least
_LIMITS = dict(people=(1, 6), days=(1, 7), seed=(0, 2**31), sessions=(1, 6), clips=(1, 60), questions=(0, 2000))
_FRAMES_OF = {"pick up": 60, "put down": 60, "pour": 80, "open": 80, "shake": 80, "hand over": 100}


@dataclass(frozen=True)
class Size:
    """What a week is made from; equal sizes give equal bytes."""

    people: int = 2
    days: int = 3
    seed: int = 0
    sessions: int = 4  # per day
    clips: int = 8  # per session
    questions: int = 120  # per person

    def __post_init__(self) -> None:
        for name, (least, most) in _LIMITS.items():
            if not least <= getattr(self, name) <= most:
                raise UserError(f"--{name} {getattr(self, name)}: from {least} to {most} are possible")

    @property
    def identities(self) -> tuple[str, ...]:
        return PEOPLE[: self.people]


@dataclass(frozen=True)
class Held:
    thing: str
    hand: str


@dataclass(frozen=True)
class Event:
    verb: str
    thing: str
    hand: str
    guest: str | None
    first: int  # frame numbers in the clip; `end` is the first one after the event
    end: int

    @property
    def leaves_hand(self) -> bool:
        return self.verb in ("put down", "hand over")


@dataclass(frozen=True)
class Clip:
    identity: str
    start: float
    room: str
    table: tuple[str, ...]
    jitter: Jitter
    carried: Held | None  # in the hand from the first frame on
    events: tuple[Event, ...]

    @property
    def end(self) -> float:
        return clock.plus(self.start, clock.CLIP)

    @property
    def path(self) -> str:
        """Relative to the week's folder, without a suffix, named as EgoLife names its clips."""
        day = clock.date(self.start)
        return f"{self.identity}/{day}/{day}_{self.identity}_{clock.time(self.start)}"

    @property
    def video(self) -> str:
        return f"{self.path}.mp4"

    def state(self, frame: int) -> State:
        base = State(self.room, self.table, tick=frame // STILL * STILL, jitter=self.jitter)
        held = self.carried
        for event in self.events:
            if frame < event.first:
                break
            if frame < event.end:
                phase = (frame - event.first) / (event.end - event.first)
                deed = {name: getattr(event, name) for name in ("verb", "thing", "hand", "guest")}
                return replace(base, **deed, phase=phase)
            held = None if event.leaves_hand else Held(event.thing, event.hand)
        return replace(base, verb="hold", thing=held.thing, hand=held.hand) if held else base


def plan_week(size: Size) -> dict[str, list[Clip]]:
    """All clips by person, in the order of time."""
    return {
        identity: [clip for day in range(1, size.days + 1) for clip in _plan_day(identity, day, size)]
        for identity in size.identities
    }


def _plan_day(identity: str, day: int, size: Size) -> Iterator[Clip]:
    rng = random.Random(f"{size.seed} {identity} {day}")
    share = (EVENING - MORNING) * clock.HOUR // size.sessions
    for session in range(size.sessions):
        slack = share - size.clips * clock.CLIP - (GAP if session < size.sessions - 1 else 0)
        frame = rng.randrange(max(slack, 1) * clock.FPS)
        start = clock.of_frame(clock.plus(clock.midnight(day), MORNING * clock.HOUR + session * share), frame)
        yield from _plan_session(rng, identity, start, size.clips)


def _plan_session(rng: random.Random, identity: str, start: float, clips: int) -> Iterator[Clip]:
    room, stay = "", 0
    table: tuple[str, ...] = ()
    held: Held | None = None
    for number in range(clips):
        if stay == 0:  # the next room; its table has room for what is carried in
            room = rng.choice([name for name in world.ROOMS if name != room])
            table = world.random_table(rng, held.thing if held else None)
            stay = rng.randint(2, 4)
        stay -= 1
        events, still_held = _plan_events(rng, table, held)
        clip_start = clock.plus(start, number * clock.CLIP)
        yield Clip(identity, clip_start, room, table, world.random_jitter(rng), held, tuple(events))
        held = still_held


def _plan_events(rng: random.Random, table: tuple[str, ...], held: Held | None) -> tuple[list[Event], Held | None]:
    events: list[Event] = []
    frame = rng.randint(20, 120)
    while True:
        if held is None:
            verb, held_next = "pick up", Held(rng.choice(table), rng.choice(world.HANDS))
        else:
            used = bool(events) and events[-1].verb in world.USES
            verb = rng.choice(["put down", "put down", "hand over", *([] if used else world.uses_at(table))])
            held_next = held
        end = frame + _FRAMES_OF[verb]
        if end > FRAMES - 10:
            return events, held
        guest = rng.choice(world.GUESTS) if verb == "hand over" else None
        event = Event(verb, held_next.thing, held_next.hand, guest, frame, end)
        events.append(event)
        held = None if event.leaves_hand else held_next
        frame = end + rng.randint(80, 240)


def to_json(clip: Clip) -> dict[str, Any]:
    """The truth file's row of a clip."""
    row = asdict(clip)
    del row["identity"], row["start"]
    return {"video": clip.video, "start": clock.stamp(clip.start), **row}


def from_json(identity: str, row: dict[str, Any]) -> Clip:
    return Clip(
        identity,
        clock.parse(row["start"]),
        row["room"],
        tuple(row["table"]),
        Jitter(**row["jitter"]),
        Held(**row["carried"]) if row["carried"] else None,
        tuple(Event(**event) for event in row["events"]),
    )
