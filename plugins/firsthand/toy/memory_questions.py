"""Drafts that only memory answers: what was last done, or how often, hours or days before the question.

A draft is made only where the answer later changes within the block, so that whoever looks into the future is wrong,
and the wrong answer is among the options. Questions are asked at the end of a clip: the 30-s records up to then are
exactly what may be known.
"""

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from firsthand import clock
from firsthand.toy import captions, world
from firsthand.toy.drafts import Draft
from firsthand.toy.week import Clip, Event

AGE = clock.HOUR  # a fact is at least so old when it is asked for


@dataclass(frozen=True)
class Fact:
    """Something that was true from its clip on, until the next fact of the same kind about the same subject."""

    kind: str
    subject: str
    value: str
    clip: Clip
    event: Event

    @property
    def moment(self) -> float:
        return clock.of_frame(self.clip.start, self.event.first)

    @property
    def line(self) -> str:
        event = self.event
        return captions.sentence(event.verb, event.thing, event.hand, self.clip.room, event.guest)


_LAST = {  # kind -> type of EgoLifeQA, question
    "place": ("TaskMaster", "i need the {} . in which room did i last put it down ?"),
    "guest": ("RelationMap", "who did i last hand over the {} to ?"),
    "used": ("EventRecall", "which thing did i last {} ?"),
}


def memory_drafts(clips: list[Clip], rng: random.Random) -> Iterator[Draft]:
    histories: dict[tuple[str, str], list[Fact]] = defaultdict(list)
    picks: dict[tuple[str, int], list[Fact]] = defaultdict(list)
    for fact in _facts(clips):
        if fact.kind == "pick":
            picks[fact.subject, clock.day(fact.clip.start)].append(fact)
        else:
            histories[fact.kind, fact.subject].append(fact)
    drafts = [draft for history in histories.values() for draft in _last_drafts(history, clips, rng)]
    drafts += [draft for history in picks.values() for draft in _count_drafts(history, clips, rng)]
    rng.shuffle(drafts)
    yield from drafts


def _facts(clips: list[Clip]) -> Iterator[Fact]:
    for clip in clips:
        for event in clip.events:
            if event.verb == "put down":
                yield Fact("place", event.thing, clip.room, clip, event)
            elif event.verb == "hand over":
                yield Fact("guest", event.thing, str(event.guest), clip, event)
            elif event.verb == "pick up":
                yield Fact("pick", event.thing, "", clip, event)
            else:
                yield Fact("used", event.verb, event.thing, clip, event)


def _last_drafts(history: list[Fact], clips: list[Clip], rng: random.Random) -> Iterator[Draft]:
    future, options = history[-1], _options(history[0])
    for fact, following in itertools.pairwise(history):
        asked_in = [clip for clip in clips if _is_old(fact, clip) and clip.end < following.clip.end]
        if fact.kind == "place":  # the room in which it is asked gives nothing away
            asked_in = [clip for clip in asked_in if clip.room != fact.value]
        if asked_in and future.value != fact.value and {future.value, fact.value} <= options:
            egolife_type, question = _LAST[fact.kind]
            rest = sorted(options - {fact.value, future.value})
            yield Draft(
                "memory",
                fact.kind,
                egolife_type,
                question.format(fact.subject),
                fact.value,
                (future.value, *rng.sample(rest, 2)),
                rng.choice(asked_in).end,
                (fact.subject,),
                fact.line,
                targets=(fact.moment,),
                distractor=future.value,
                last_time=True,
                need_name=fact.kind == "guest",
            )


def _options(fact: Fact) -> set[str]:
    """What the prior cannot tell apart: no room where the thing belongs, only things that allow the verb."""
    if fact.kind == "place":
        return set(world.ROOMS) - {world.THINGS[fact.subject].home}
    return set(world.GUESTS) if fact.kind == "guest" else set(world.USES[fact.subject])


def _count_drafts(history: list[Fact], clips: list[Clip], rng: random.Random) -> Iterator[Draft]:
    """How often on one day until now; `history` is all pick-ups of one thing on that day."""
    day, thing, total = clock.day(history[0].clip.start), history[0].subject, len(history)
    asked_in = [
        clip
        for clip in clips
        if clock.day(clip.start) == day and _is_old(history[0], clip) and clip.end < history[-1].clip.end
    ]
    if asked_in and total + 2 < len(world.NUMBERS):
        query = rng.choice(asked_in).end
        known = [fact for fact in history if fact.clip.end <= query]
        rest = [number for number in range(1, total + 4) if number not in (len(known), total)]
        truth, future, *others = (world.NUMBERS[n] for n in (len(known), total, *rng.sample(rest, 2)))
        yield Draft(
            "memory",
            "count",
            "HabitInsight",
            f"how many times did i pick up the {thing} on day {day} so far ?",
            truth,
            (future, *others),
            query,
            (thing, "pick up"),
            " ".join(fact.line for fact in known),
            targets=tuple(fact.moment for fact in known),
            distractor=future,
        )


def _is_old(fact: Fact, asked_in: Clip) -> bool:
    return clock.seconds_between(fact.clip.end, asked_in.end) >= AGE
