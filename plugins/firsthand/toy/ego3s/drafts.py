"""Questions beyond those of the week, for the selection of rows and for rewards that look at the hands.

- order: the verb of a pick-up or a put-down. One is the other run backwards, so only the order of the frames tells;
  both verbs are equally common. Half of the questions do not name the thing.
- held home, held colour: the answer is a word of the prior, the way to it goes through the thing in the hand. Who names
  another thing of the table may be right for the wrong reason: two things share each home. In half of the questions on
  homes, where the week allows it, the table has the other thing that is at home there.
"""

import random
from collections.abc import Iterable, Iterator
from itertools import chain, zip_longest

from firsthand import clock
from firsthand.toy.week import captions, world
from firsthand.toy.week.plan import Clip
from firsthand.toy.week.question_drafts import Draft
from firsthand.toy.week.seen_questions import LATER, moments_of

ORDERED = ("pick up", "put down")
MIDDLE = 35  # frame of the event in the middle of the four that are shown: 15, 25, 35, 45 of 60
WHAT = ("what do i do with the {} ?", "what do my hands do ?")


def order_drafts(clips: list[Clip], rng: random.Random) -> Iterator[Draft]:
    """Pick-ups and put-downs in turn, as long as there are both; each event in one wording, then in the other."""
    events = [(clip, event) for clip in clips for event in clip.events if event.verb in ORDERED]
    rng.shuffle(events)
    for first in (0, 1):
        of_verb = [[found for found in events if found[1].verb == verb] for verb in ORDERED]
        for number, (clip, event) in enumerate(chain.from_iterable(zip(*of_verb, strict=False))):
            wording = WHAT[(number // 2 + first) % 2]
            other = ORDERED[event.verb == ORDERED[0]]
            yield _draft(
                clip, event.first + MIDDLE, event.end, label="order", kind="order", truth=event.verb,
                question=wording.format(event.thing), others=(other, *rng.sample(sorted(world.USES), 2)),
                keywords=(event.thing,), reason=captions.sentence(event.verb, event.thing, event.hand, clip.room),
            )  # fmt: skip


def held_drafts(clips: list[Clip], rng: random.Random) -> Iterator[Draft]:
    """Homes and colours in turn, as long as there are both."""
    moments = [(clip, frame) for clip in clips for frame in moments_of(clip)]
    rng.shuffle(moments)
    half = len(moments) // 2
    homes = (_home(clip, frame, rng) for clip, frame in _mates_in_turn(moments[:half]))
    colours = (_colour(clip, frame) for clip, frame in moments[half:])
    return chain.from_iterable(zip(homes, colours, strict=False))


def _mates_in_turn(moments: list[tuple[Clip, int]]) -> Iterable[tuple[Clip, int]]:
    """Tables with and without the other thing that has the same home."""
    mated: dict[bool, list[tuple[Clip, int]]] = {True: [], False: []}
    for clip, frame in moments:
        homes = [world.THINGS[thing].home for thing in clip.table]
        mated[homes.count(world.THINGS[str(clip.state(frame).thing)].home) > 1].append((clip, frame))
    return filter(None, chain.from_iterable(zip_longest(*mated.values())))


def _home(clip: Clip, frame: int, rng: random.Random) -> Draft:
    thing = str(clip.state(frame).thing)
    home = world.THINGS[thing].home
    seen = list(dict.fromkeys(world.THINGS[name].home for name in clip.table if world.THINGS[name].home != home))
    unseen = [room for room in world.ROOMS if room not in (home, *seen)]
    others = (*seen, *rng.sample(unseen, 3 - len(seen)))  # a table has at most three other homes
    return _held(clip, frame, "held home", "where do i keep the thing in my hand ?", home, others)


def _colour(clip: Clip, frame: int) -> Draft:
    thing = str(clip.state(frame).thing)
    others = tuple(world.THINGS[name].colour for name in clip.table if name != thing)
    return _held(
        clip, frame, "held colour", "which colour is the thing in my hand ?", world.THINGS[thing].colour, others
    )


def _held(clip: Clip, frame: int, kind: str, question: str, truth: str, others: tuple[str, ...]) -> Draft:
    state = clip.state(frame)
    reason = captions.sentence(str(state.verb), str(state.thing), state.hand, clip.room, state.guest)
    return _draft(
        clip, frame, frame + LATER, label="interaction", kind=kind, question=question, truth=truth, others=others,
        keywords=(str(state.thing),), reason=reason,
    )  # fmt: skip


def _draft(clip: Clip, frame: int, query: int, **facts) -> Draft:
    moment = clock.of_frame(clip.start, frame)
    return Draft(
        type="EntityLog", query=clock.of_frame(clip.start, query), targets=(moment,), clip=clip.video,
        moment=clock.seconds_between(clip.start, moment), **facts,
    )  # fmt: skip
