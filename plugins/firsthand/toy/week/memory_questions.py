"""Drafts that only memory can answer: what was last done, or done most often, hours or days before the question.

A draft is made only where the answer changes later within the block: looking into the future then gives a wrong answer,
which is among the options. Questions are asked at the end of a clip: the 30-s records up to then are exactly what may
be known. Options are names, never numbers: small numbers would be a good guess.
"""

import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from firsthand import clock
from firsthand.toy.week import captions, world
from firsthand.toy.week.plan import Clip, Event
from firsthand.toy.week.question_drafts import Draft

AGE = clock.HOUR  # a fact is at least this old when it is asked for
TIMES = 3  # a fact is asked for at most this often, and again only after every other fact


@dataclass(frozen=True)
class Fact:
    """Something that happened, as one kind of question sees it: a value of a subject."""

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


@dataclass(frozen=True)
class Ask:
    """A question about a history that may be asked at the end of a clip."""

    truth: str
    future: str  # the answer with the rest of the history known
    clip: Clip
    evidence: tuple[Fact, ...]


_TYPES_AND_QUESTIONS = {
    "place": ("TaskMaster", captions.LAST["put down"]),
    "guest": ("RelationMap", captions.LAST["hand over"]),
    "used": ("EventRecall", "which thing did i last {} ?"),
    "most things": ("HabitInsight", "which thing did i {} most often on day {} so far ?"),
    "most rooms": ("HabitInsight", "in which room did i {} things most often on day {} so far ?"),
}


def memory_drafts(clips: list[Clip], rng: random.Random) -> list[Draft]:
    histories: dict[tuple[str, str, int], list[Fact]] = defaultdict(list)
    for fact in _facts(clips):
        day = clock.day(fact.clip.start) if fact.kind.startswith("most") else 0
        histories[fact.kind, fact.subject, day].append(fact)
    drafts = []
    for (kind, subject, day), history in histories.items():
        options = _options(kind, subject)
        for asks in _most(history, clips) if day else _last(history, clips):
            good = [ask for ask in asks if _only_memory_answers(ask, options)]
            for before, ask in enumerate(rng.sample(good, min(len(good), TIMES))):
                drafts.append((before, _draft(history, ask, options, rng)))
    rng.shuffle(drafts)
    return [draft for _, draft in sorted(drafts, key=lambda draft: draft[0])]


def _facts(clips: list[Clip]) -> Iterator[Fact]:
    for clip in clips:
        for event in clip.events:
            if event.verb == "put down":
                yield Fact("place", event.thing, clip.room, clip, event)
            elif event.verb == "hand over":
                yield Fact("guest", event.thing, str(event.guest), clip, event)
            elif event.verb in world.USES:
                yield Fact("used", event.verb, event.thing, clip, event)
            yield Fact("most things", event.verb, event.thing, clip, event)
            yield Fact("most rooms", event.verb, clip.room, clip, event)


def _options(kind: str, subject: str) -> set[str]:
    """Values that the prior cannot tell apart: no room where the thing belongs, only things that allow the verb."""
    return {
        "place": lambda: set(world.ROOMS) - {world.THINGS[subject].home},
        "guest": lambda: set(world.GUESTS),
        "used": lambda: set(world.USES[subject]),
        "most things": lambda: set(world.USES.get(subject, world.OBJECTS)),
        "most rooms": lambda: set(world.ROOMS),
    }[kind]()


def _only_memory_answers(ask: Ask, options: set[str]) -> bool:
    """The future is wrong, and neither the prior nor the room in which it is asked gives anything away."""
    return ask.truth != ask.future and {ask.truth, ask.future} <= options and ask.truth != ask.clip.room


def _last(history: list[Fact], clips: list[Clip]) -> Iterator[list[Ask]]:
    """For each fact the clips between it and the next one at whose end it may be asked for."""
    for fact, following in itertools.pairwise(history):
        yield [
            Ask(fact.value, history[-1].value, clip, (fact,))
            for clip in clips
            if _is_old(fact, clip) and clip.end < following.clip.end
        ]


def _most(history: list[Fact], clips: list[Clip]) -> Iterator[list[Ask]]:
    """For a day the clips at whose end one value leads, did not lead in the last hour, and will not lead at last."""
    asks = []
    day = clock.day(history[0].clip.start)
    for clip in clips:
        known = [fact for fact in history if fact.clip.end <= clip.end]
        truth, future = _leader(known), _leader(history)
        recent = _leader([fact for fact in known if not _is_old(fact, clip)])
        if truth and future and truth != recent and clock.day(clip.start) == day:
            asks.append(Ask(truth, future, clip, tuple(fact for fact in known if fact.value == truth)))
    yield asks


def _leader(facts: list[Fact]) -> str | None:
    """The most common value; None when several share the first place."""
    ranks = Counter(fact.value for fact in facts).most_common(2)
    return ranks[0][0] if ranks and (len(ranks) == 1 or ranks[0][1] > ranks[1][1]) else None


def _is_old(fact: Fact, asked_in: Clip) -> bool:
    return clock.seconds_between(fact.clip.end, asked_in.end) >= AGE


def _draft(history: list[Fact], ask: Ask, options: set[str], rng: random.Random) -> Draft:
    kind, subject = history[0].kind, history[0].subject
    egolife_type, question = _TYPES_AND_QUESTIONS[kind]
    rest = options - {ask.truth, ask.future}
    likely = rest & {fact.value for fact in history}  # a value that never occurred would be a weak option
    wrong = [option for pool in (likely, rest - likely) for option in rng.sample(sorted(pool), len(pool))]
    return Draft(
        "memory", kind, egolife_type, question.format(subject, clock.day(ask.clip.start)),
        truth=ask.truth, others=(ask.future, *wrong[:2]), distractor=ask.future,
        query=ask.clip.end, targets=tuple(fact.moment for fact in ask.evidence),
        keywords=(subject,), reason=" ".join(fact.line for fact in ask.evidence),
        last_time="last" in question, need_name=kind == "guest",
    )  # fmt: skip
