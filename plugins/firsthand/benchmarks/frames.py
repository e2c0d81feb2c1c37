"""Which frames of a question the model sees: a policy chooses them, and a cap on their tokens always holds.

What an image costs follows from its size in the file's header: one token for every `factor` x `factor` pixels, where
the factor is patch x merge (Qwen3-VL 32, Qwen2.5-VL 28). It is an estimate, because a processor may also enlarge small
images; frames that are stored within the pixel budget of training cost what is counted here.
"""

import math
from pathlib import Path
from typing import Literal

from PIL import Image

from firsthand.errors import UserError
from firsthand.media.paths import inside
from firsthand.rows import Question

Policy = Literal["uniform", "tail", "full"]


def choose(total: int, policy: Policy, limit: int) -> list[int]:
    """Indices of at most `limit` of `total` frames, rising; first and last are among two or more."""
    if policy == "full" or total <= limit:
        return list(range(total))
    if policy == "tail" and limit > 2:  # what happens next is decided at the end: half of the frames are the last ones
        tail = limit // 2
        return choose(total - tail, "uniform", limit - tail) + list(range(total - tail, total))
    if limit == 1:
        return [total - 1]
    return [round(i * (total - 1) / (limit - 1)) for i in range(limit)]


def fit(question: Question, root: Path, policy: Policy, limit: int, max_tokens: int, factor: int) -> Question:
    """The question with the frames that policy and caps leave. Too many tokens for `full` make it `uniform`."""
    frames = question.images or question.video
    costs = [_tokens(inside(root, path), factor) for path in frames]
    limit = min(limit, len(frames))
    if policy == "full" and sum(costs) > max_tokens:
        policy = "uniform"
    while True:
        chosen = choose(len(frames), policy, limit)
        tokens = sum(costs[i] for i in chosen)
        if tokens <= max_tokens:
            return keep(question, chosen)
        if limit <= 1:
            raise UserError(f"{question.id}: one frame costs {tokens} tokens, more than the {max_tokens} allowed")
        limit -= 1


def keep(question: Question, chosen: list[int]) -> Question:
    if question.images:
        times = [question.times[i] for i in chosen] if question.times else []
        return question.model_copy(update={"images": [question.images[i] for i in chosen], "times": times})
    if not question.video or len(chosen) == len(question.video):
        return question
    step = math.ceil(len(question.video) / len(chosen))  # a frame list has one rate: every step-th frame, first to last
    assert question.fps
    return question.model_copy(update={"video": question.video[::step], "fps": question.fps / step})


def count(question: Question) -> int:
    return len(question.images) + len(question.video)


def _tokens(path: Path, factor: int) -> int:
    try:
        with Image.open(path) as image:
            return math.prod(max(round(side / factor), 1) for side in image.size)
    except OSError as error:
        raise UserError(f"{path}: not a readable image ({error})") from None
