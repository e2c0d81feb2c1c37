"""Questions in the EgoLifeQA schema, each with the one source that can answer it (`answerable_from`).

- prior: a fact of world.py; no video is needed. It has no `target_time`.
- scene: what is seen at `moment` of `clip` while the hands rest.
- interaction: all four options lie on the table at `moment`, and one of them is also in the hand.
- memory: a fact at least an hour old, whose answer has changed again after `query_time`; `distractor` is the letter of
  what is true when the future is not cut off. Neither the prior (no option is where the thing belongs) nor the room
  at query time gives the answer.

Visual questions are asked one second after `moment`, while the answer still holds. All times of a question lie in one
block of splits.py, and the letters of the right answers are equally common.
"""

import itertools
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from firsthand.toy.week.memory_questions import memory_drafts
from firsthand.toy.week.plan import Clip, Size
from firsthand.toy.week.question_drafts import LETTERS, Draft
from firsthand.toy.week.seen_questions import interaction_drafts, prior_facts, scene_drafts
from firsthand.toy.week.splits import blocks

LABELS = ("prior", "scene", "interaction", "memory")
Row = dict[str, Any]


def questions(week: dict[str, list[Clip]], size: Size) -> dict[str, list[Row]]:
    """By person, in the order of query time. A small week may hold fewer than asked for; the caller counts them."""
    facts = prior_facts(size.seed)
    drafted: dict[str, list[tuple[Draft, str, list[str]]]] = {identity: [] for identity in week}
    for block in blocks(size):
        rng = random.Random(f"{size.seed} questions {block}")
        clips = block.clips(week)
        wanted = round(size.questions * len(block.days) / size.days / len(LABELS))
        for drafts in (
            (replace(fact, query=rng.choice(clips).end) for fact in itertools.islice(facts, wanted)),
            scene_drafts(clips, rng),
            interaction_drafts(clips, rng),
            memory_drafts(clips, rng),
        ):
            drafted[block.identity] += with_letters(_evenly(drafts, wanted), rng)
    return {identity: _rows(identity, drafts) for identity, drafts in drafted.items()}


def _evenly(drafts: Iterable[Draft], wanted: int) -> list[Draft]:
    """The first `wanted` drafts, taking the kinds in turn until each runs out."""
    kinds: dict[str, list[Draft]] = defaultdict(list)
    for draft in drafts:
        kinds[draft.kind].append(draft)
    in_turn = itertools.chain.from_iterable(itertools.zip_longest(*kinds.values()))
    return list(itertools.islice(filter(None, in_turn), wanted))


def with_letters(drafts: list[Draft], rng: random.Random) -> list[tuple[Draft, str, list[str]]]:
    letters = [LETTERS[number % len(LETTERS)] for number in range(len(drafts))]
    rng.shuffle(letters)
    return [(draft, letter, rng.sample(draft.others, 3)) for draft, letter in zip(drafts, letters, strict=True)]


def _rows(identity: str, drafted: list[tuple[Draft, str, list[str]]]) -> list[Row]:
    drafted = sorted(drafted, key=lambda item: item[0].query)
    return [
        draft.row(f"{identity}_{number:04d}", identity, letter, others)
        for number, (draft, letter, others) in enumerate(drafted, 1)
    ]
