"""Drafts that need no memory: from the prior, from the scene, from the interaction region."""

import itertools
import random
from collections.abc import Iterator
from typing import Any

from firsthand import clock
from firsthand.toy.week import captions, world
from firsthand.toy.week.plan import FRAMES, Clip
from firsthand.toy.week.question_drafts import Draft

# The phase at which a verb is asked about: the thing is in the resting hand, whichever pile it comes from or goes to
ASKED_AT = {"pick up": 0.92, "put down": 0.08, "pour": 0.5, "open": 0.5, "shake": 0.5, "hand over": 0.25}
LATER = clock.FPS  # frames from the moment to the question; the answer is still true then


def prior_facts(seed: int) -> Iterator[Draft]:
    """Every question that world.py answers, in a random order, kinds in turn; one iterator serves the whole week, so
    that no two splits ask the same thing with the same options. When it is asked is left to the caller."""
    rng = random.Random(f"{seed} prior")
    homes, colours = [], []
    for name, thing in world.THINGS.items():
        question, reason = f"where do i usually keep the {name} ?", f"i keep the {name} in the {thing.home} ."
        for others in itertools.combinations([room for room in world.ROOMS if room != thing.home], 3):
            asked = ("prior", "home", "HabitInsight", question, thing.home, others)
            homes.append(Draft(*asked, query=0.0, keywords=(name,), reason=reason))
        question, reason = f"which colour is the {name} ?", f"the {name} is {thing.colour} ."
        for others in itertools.combinations([colour for colour in world.COLOURS if colour != thing.colour], 3):
            asked = ("prior", "colour", "EntityLog", question, thing.colour, others)
            colours.append(Draft(*asked, query=0.0, keywords=(name,), reason=reason))
    rng.shuffle(homes)
    rng.shuffle(colours)
    return (fact for pair in itertools.zip_longest(homes, colours) for fact in pair if fact)


def scene_drafts(clips: list[Clip], rng: random.Random) -> Iterator[Draft]:
    for clip in rng.sample(clips, len(clips)):
        rest = [f for f in range(0, FRAMES - LATER, 5) if not (clip.state(f).verb or clip.state(f + LATER).verb)]
        if rest:
            seen, unseen = rng.choice(clip.table), [thing for thing in world.OBJECTS if thing not in clip.table]
            rooms = [room for room in world.ROOMS if room != clip.room]
            room_line, table_line = captions.caption(clip)[:2]
            kinds = [("room", "EventRecall", "which room am i in ?", clip.room, rooms, room_line)]
            if world.uses_at(clip.table) == ["shake"]:  # the tables for other uses hold some things more often
                kinds.append(("table", "EntityLog", "which thing lies on the table ?", seen, unseen, table_line))
            for kind, egolife_type, question, truth, others, reason in kinds:
                wrong = tuple(rng.sample(others, 3))
                asked = {"kind": kind, "type": egolife_type, "question": question, "reason": reason}
                yield _seen(clip, rng.choice(rest), truth, label="scene", others=wrong, **asked)


def interaction_drafts(clips: list[Clip], rng: random.Random) -> Iterator[Draft]:
    moments = [(clip, frame) for clip in clips for frame in moments_of(clip)]
    rng.shuffle(moments)
    for clip, frame in moments:
        state = clip.state(frame)
        verb, thing = str(state.verb), str(state.thing)
        asked = {"kind": verb, "type": "EntityLog", "question": f"which thing do i {verb} ?"}
        reason = captions.sentence(verb, thing, state.hand, clip.room, state.guest)
        others = tuple(name for name in clip.table if name != thing)
        yield _seen(clip, frame, thing, label="interaction", others=others, reason=reason, **asked)


def moments_of(clip: Clip) -> Iterator[int]:
    """A frame for each event, and one in each pause with something in the hand."""
    for event, after in itertools.zip_longest(clip.events, clip.events[1:]):
        yield event.first + round((event.end - event.first) * ASKED_AT[event.verb])
        if after and not event.leaves_hand:
            yield (event.end + after.first - LATER) // 2


def _seen(clip: Clip, frame: int, truth: str, **draft: Any) -> Draft:
    moment = clock.of_frame(clip.start, frame)
    return Draft(
        truth=truth, keywords=(truth,), query=clock.of_frame(clip.start, frame + LATER), targets=(moment,),
        clip=clip.video, moment=clock.seconds_between(clip.start, moment), **draft,
    )  # fmt: skip
