"""Training and test rows of a built week: frames out of the real clips, questions through the one renderer.

Questions that need no memory become SFT traces (train), GRPO prompts (train, dev) and held-out questions (test), each
as one image and as a short video. The SFT traces come from an imperfect teacher, as machine-written traces do: asked
about an interaction it looks past the hands in `scene_share` of its traces and names another thing on the table, which
is wrong. Nothing marks these traces; only reinforcement, which sees the right letter, can tell them from the others.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from firsthand import clock, files
from firsthand.data.build.releases.ego_qa import question_of
from firsthand.question import Question, Split
from firsthand.rollout import prompt
from firsthand.toy.week import folder, world
from firsthand.toy.week.splits import SPLITS
from firsthand.toy.week.video import frames_at

SPAN = (-1.0, -0.5, 0.0, 0.5)  # seconds around the moment that a video shows; the last is before the query time
FPS = 2.0
QUALITY = 90


@dataclass
class Written:
    """What was made, and what was left out of it and why."""

    counts: dict[str, int]
    left_aside: dict[str, int] = field(default_factory=dict)


def build_rows(week: Path, scene_share: float, seed: int, tick: Callable[[int, int], None]) -> Written:
    built = folder.load(week)
    split_of: dict[str, Split] = {id_: split for split in SPLITS for id_ in built.splits[split]["questions"]}
    questions_of_week = built.all_questions()
    visual = [row for row in questions_of_week if row["answerable_from"] != "memory"]
    questions: list[tuple[Question, dict[str, Any]]] = []
    for number, row in enumerate(visual, 1):
        for medium in ("image", "video"):
            questions.append((_question(week, row, split_of[row["ID"]], medium), row))
        tick(number, len(visual))
    rng = random.Random(f"{seed} traces")
    train = [(question, row) for question, row in questions if question.split == "train"]
    sft = [prompt.sharegpt_row(question, _trace(question, row, scene_share, rng)) for question, row in train]
    rng.shuffle(sft)
    files.write_json(week / "choice_sft.json", sft)
    parts = {
        "grpo_train": _one_medium_each(question for question, _ in train),
        "grpo_dev": _one_medium_each(question for question, _ in questions if question.split == "dev"),
    }
    for name, rows in parts.items():
        write_parquet(week / f"choice_{name}.parquet", [prompt.verl_row(row, i) for i, row in enumerate(rows)])
    test = _one_medium_each(question for question, _ in questions if question.split == "test")
    files.write_jsonl(week / "choice_test.jsonl", [prompt.eval_row(row) for row in test])
    counts = {"sft": len(sft), **{name: len(rows) for name, rows in parts.items()}, "test": len(test)}
    return Written(counts, {"memory questions (they need tools)": len(questions_of_week) - len(visual)})


def _one_medium_each(questions: Iterable[Question]) -> list[Question]:
    """Image and video in turn, so that a question is asked once."""
    pairs = list(questions)
    return [pairs[i + (i // 2) % 2] for i in range(0, len(pairs), 2)]


def _question(week: Path, row: dict[str, Any], split: Split, medium: Literal["image", "video"]) -> Question:
    media: dict[str, Any] = {}
    if "clip" in row:  # a question that the prior answers needs no picture
        offsets = SPAN if medium == "video" else (0.0,)
        paths = _frames(week, row["clip"], [row["moment"] + offset for offset in offsets])
        media = {"video": paths, "fps": FPS} if medium == "video" else {"images": paths}
    return question_of(row, id=f"{row['ID']}_{medium}", data_source="toy_choice", split=split, **media)


def _frames(week: Path, clip: str, moments: list[float]) -> list[str]:
    from PIL import Image

    numbers = [min(max(round(moment * clock.FPS), 0), clock.CLIP * clock.FPS - 1) for moment in moments]
    paths = [f"frames/{Path(clip).stem}_{number:03d}.jpg" for number in numbers]
    missing = [number for number, path in zip(numbers, paths, strict=True) if not (week / path).exists()]
    for number, pixels in frames_at(week / clip, missing).items():
        target = week / f"frames/{Path(clip).stem}_{number:03d}.jpg"
        target.parent.mkdir(exist_ok=True)
        partial = target.with_suffix(".part")
        Image.fromarray(pixels).save(partial, format="JPEG", quality=QUALITY)
        partial.replace(target)
    return paths


def _trace(question: Question, row: dict[str, Any], scene_share: float, rng: random.Random) -> str:
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


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    from firsthand.data.build import writers

    with writers.table(path) as writer:
        writer.add(writers.pack(path.name, rows))
