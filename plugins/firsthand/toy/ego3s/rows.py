"""Writes the rows of a week for Ego3S: traces to learn from, a pool to select from, questions to probe and to test.

ego3s_sft.json            every train question that needs no memory, as an image and as a video, with a trace;
                          what needs no video also without one
ego3s_grpo_train.parquet  the pool: mostly questions that need no video, as in pools that nobody selected from
ego3s_grpo_dev.parquet    the probing set, from other days
ego3s_test.jsonl          other people, equally many of each label
ego3s_grpo_test.parquet   the same for veRL's validation
ego3s_regions.jsonl       the region of every row, from the week's own truth
"""

import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

from firsthand import files
from firsthand.errors import UserError
from firsthand.question import Question
from firsthand.rollout import prompt
from firsthand.selection import region_file
from firsthand.toy.ego3s.asked import LABELS, Asked, Medium, all_asked
from firsthand.toy.ego3s.teacher import trace
from firsthand.toy.ego3s.truth import regions
from firsthand.toy.rows import Written, write_verl_rows
from firsthand.toy.week import folder

SHARES = {"prior": 0.6, "scene": 0.15, "memory": 0.1, "interaction": 0.1, "order": 0.05}  # of the pool
Shown = tuple[Asked, Medium | None]  # None: the question alone


def build_rows(week: Path, away: float, pool: int, seed: int, tick: Callable[[int, int], None]) -> Written:
    built = folder.load(week)
    by_split = all_asked(built, seed)
    rng = random.Random(f"{seed} ego3s rows")
    taught = [*_both_media(by_split["train"]), *_alone(by_split["train"])]
    chosen: dict[str, list[Shown]] = {
        "sft": taught,
        "grpo_train": _pool(by_split["train"], pool, rng),
        "grpo_dev": _in_turn(by_split.get("dev", [])),
        "test": _in_turn(_equally_many(by_split.get("test", []), rng)),
    }
    every = {asked.name(medium): (asked, medium) for shown in chosen.values() for asked, medium in shown}
    pictured = [(asked, medium) for asked, medium in every.values() if medium]
    questions: dict[str, Question] = {}
    for number, (name, (asked, medium)) in enumerate(every.items(), 1):
        questions[name] = asked.question(built, medium)
        tick(number, len(every))
    asked_in = {part: [questions[asked.name(medium)] for asked, medium in shown] for part, shown in chosen.items()}
    pairs = zip(asked_in["sft"], taught, strict=True)
    sft = [prompt.sharegpt_row(question, trace(question, asked, away, rng)) for question, (asked, _) in pairs]
    rng.shuffle(sft)
    files.write_json(week / "ego3s_sft.json", sft)
    for part in ("grpo_train", "grpo_dev"):
        write_verl_rows(week / f"ego3s_{part}.parquet", asked_in[part])
    files.write_jsonl(week / "ego3s_test.jsonl", map(prompt.eval_row, asked_in["test"]))
    write_verl_rows(week / "ego3s_grpo_test.parquet", asked_in["test"])
    found = regions(week, pictured)
    region_file.write(week / "ego3s_regions.jsonl", sorted(found, key=lambda region: region.id))
    return Written(_counts(chosen))


def _both_media(asked: list[Asked]) -> list[Shown]:
    """What can be seen or known; the past cannot."""
    return [(one, medium) for one in asked if one.label != "memory" for medium in one.media]


def _alone(asked: list[Asked]) -> list[Shown]:
    """What needs no video, without one: else a model that knows the answer would not give it when it is asked blind."""
    return [(one, None) for one in asked if one.label == "prior"]


def _in_turn(asked: list[Asked]) -> list[Shown]:
    """Each question once, image and video in turn."""
    return [(one, one.media[number % len(one.media)]) for number, one in enumerate(asked)]


def _by_label(asked: list[Asked]) -> Mapping[str, list[Asked]]:
    found: dict[str, list[Asked]] = defaultdict(list)
    for one in asked:
        found[one.label].append(one)
    return found


def _pool(asked: list[Asked], wanted: int, rng: random.Random) -> list[Shown]:
    """As many rows as are wanted, or as the rarest label allows. A question comes twice, in both media, only where
    there are too few."""
    shown: dict[str, list[Shown]] = {}
    for label, own in _by_label(asked).items():
        own = rng.sample(own, len(own))
        once: list[Shown] = [(one, rng.choice(one.media)) for one in own]
        again: list[Shown] = [(one, medium) for one, first in once for medium in one.media if medium != first]
        shown[label] = [*once, *again]
    if missing := SHARES.keys() - shown.keys():
        raise UserError(f"the week has no train questions for {', '.join(sorted(missing))}; build it with more clips")
    size = min(wanted, *(int(len(shown[label]) / share) for label, share in SHARES.items()))
    chosen = [row for label, share in SHARES.items() for row in shown[label][: round(size * share)]]
    rng.shuffle(chosen)
    return chosen


def _equally_many(asked: list[Asked], rng: random.Random) -> list[Asked]:
    by_label = _by_label(asked)
    fewest = min((len(by_label[label]) for label in LABELS), default=0)
    return [one for label in LABELS for one in rng.sample(by_label[label], fewest)]


def _counts(chosen: Mapping[str, list[Shown]]) -> dict[str, int]:
    return {
        f"{part}: {label}": sum(asked.label == label for asked, _ in shown)
        for part, shown in chosen.items()
        for label in LABELS
    }
