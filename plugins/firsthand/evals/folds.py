"""A small set of questions cut into folds: each question is held out once, together with all others of its video.

Within a domain the videos are dealt out so that the folds get about as many questions; which videos go together depends
on the seed alone.
"""

import random
from collections import Counter, defaultdict

from firsthand.errors import UserError
from firsthand.question import Question


def folds(questions: list[Question], count: int, seed: int) -> list[list[Question]]:
    videos: dict[tuple[str, str], list[Question]] = defaultdict(list)
    for question in questions:
        videos[domain(question), question.labels.get("source_video") or question.id].append(question)
    if len(videos) < count:
        raise UserError(f"{len(videos)} videos are too few for {count} folds: all questions of a video go together")
    keys = sorted(videos)
    random.Random(seed).shuffle(keys)
    keys.sort(key=lambda key: -len(videos[key]))
    made: list[list[Question]] = [[] for _ in range(count)]
    held: Counter[tuple[str, int]] = Counter()
    for key in keys:
        emptiest = min(range(count), key=lambda fold: (held[key[0], fold], len(made[fold])))
        made[emptiest] += videos[key]
        held[key[0], emptiest] += len(videos[key])
    return made


def domain(question: Question) -> str:
    return question.labels.get("domain") or ""
