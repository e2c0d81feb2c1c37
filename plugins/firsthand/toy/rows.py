"""Training and test rows of a built week: frames out of the real clips, questions through the one renderer.

Questions that need no memory become SFT traces (train), GRPO prompts (train, dev) and held-out questions (test), each
as one image and as a short video. The SFT traces come from an imperfect teacher, as machine-written traces do: asked
about an interaction it looks past the hands in `scene_share` of its traces and names another thing on the table, which
is wrong. Nothing marks these traces; only reinforcement, which sees the right letter, learns to avoid them.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from firsthand import files
from firsthand.data.build.releases.ego_qa import question_of
from firsthand.question import Question, Split
from firsthand.rollout import prompt
from firsthand.toy.frames import FPS, SPAN, numbers_at, stored
from firsthand.toy.week import folder, world
from firsthand.toy.week.folder import Row
from firsthand.toy.week.splits import SPLITS


@dataclass
class Written:
    """What was made, and what was left out of it and why."""

    counts: dict[str, int]
    left_aside: dict[str, int] = field(default_factory=dict)


def build_rows(week: Path, scene_share: float, seed: int, tick: Callable[[int, int], None]) -> Written:
    built = folder.load(week)
    split_of, whole = built.split_of(), built.all_questions()
    visual = [row for row in whole if row["answerable_from"] != "memory"]
    asked: dict[Split, list[tuple[Question, Row]]] = {split: [] for split in SPLITS}
    for number, row in enumerate(visual, 1):
        split = split_of[row["ID"]]
        asked[split] += [(_question(week, row, split, medium), row) for medium in ("image", "video")]
        tick(number, len(visual))
    rng = random.Random(f"{seed} traces")
    sft = [prompt.sharegpt_row(question, _trace(question, row, scene_share, rng)) for question, row in asked["train"]]
    rng.shuffle(sft)
    files.write_json(week / "choice_sft.json", sft)
    once = {split: _one_medium_each(pairs) for split, pairs in asked.items()}
    counts = {"sft": len(sft)}
    for split in ("train", "dev"):
        write_verl_rows(week / f"choice_grpo_{split}.parquet", once[split])
        counts[f"grpo_{split}"] = len(once[split])
    files.write_jsonl(week / "choice_test.jsonl", map(prompt.eval_row, once["test"]))
    counts["test"] = len(once["test"])
    left_aside = {"memory questions (they need tools)": len(whole) - len(visual)}
    return Written(counts, left_aside)


def _one_medium_each(pairs: list[tuple[Question, Row]]) -> list[Question]:
    """Image and video in turn, so that a question is asked once."""
    return [pairs[i + (i // 2) % 2][0] for i in range(0, len(pairs), 2)]


def _question(week: Path, row: Row, split: Split, medium: Literal["image", "video"]) -> Question:
    media: dict[str, Any] = {}
    if "clip" in row:  # a question that the prior answers needs no picture
        offsets = SPAN if medium == "video" else (0.0,)
        paths = stored(week, row["clip"], numbers_at(row["moment"], offsets))
        media = {"video": paths, "fps": FPS} if medium == "video" else {"images": paths}
    return question_of(row, id=f"{row['ID']}_{medium}", data_source="toy_choice", split=split, **media)


def _trace(question: Question, row: Row, scene_share: float, rng: random.Random) -> str:
    letter, subject = question.answer or "", row["keywords"].split(",")[0]
    looks_away = question.label == "interaction" and rng.random() < scene_share
    if looks_away:
        letter = rng.choice([other for other in question.options if other != letter])
    found = question.options[letter]
    if question.label == "interaction" and not looks_away:
        hand = "left" if "my left hand" in row["reason"] else "right"
        thought = f"my {hand} hand has the {found} ."
    elif found in world.OBJECTS:
        thought = f"the table has the {found} ."
    elif found in world.COLOURS:
        thought = f"the {subject} is {found} ."
    else:
        thought = f"i keep the {subject} in the {found} ." if question.label == "prior" else f"i am in the {found} ."
    return prompt.response(f"{thought} {found} {letter}", letter)


def write_verl_rows(path: Path, questions: list[Question]) -> None:
    from firsthand.data.build import writers

    with writers.table(path) as writer:
        writer.add(writers.pack(path.name, [prompt.verl_row(question, i) for i, question in enumerate(questions)]))
