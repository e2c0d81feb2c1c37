"""Which frames of a question the model sees, and at which size: a policy, a budget of pixels, a cap on their tokens.

The budget of pixels is that of training (`image_max_pixels`, `image_min_pixels`) and its rule of sizes is the same, so
that a model meets in the test what it has learnt from. A frame within the budget is sent as the file is on disk.

What a frame costs follows from its size: one token per `factor` x `factor` pixels, where the factor is patch x merge
(Qwen3-VL 32, Qwen2.5-VL 28).
"""

import math
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

from PIL import Image

from firsthand.errors import UserError
from firsthand.llm.media import read_image as read_file
from firsthand.media.budget import image_tokens, within
from firsthand.media.paths import inside
from firsthand.media.reading import image_faults, read_image
from firsthand.question import Question

Policy = Literal["uniform", "tail", "full"]


@dataclass(frozen=True)
class Budget:
    max_tokens: int  # for all frames of a question
    max_pixels: int  # per frame
    min_pixels: int
    factor: int

    def tokens(self, path: Path) -> int:
        return image_tokens(*self._shown(path), self.factor)

    def holds(self, path: Path) -> bool:
        return self._shown(path) == _size(path)

    def _shown(self, path: Path) -> tuple[int, int]:
        return within(*_size(path), (self.min_pixels, self.max_pixels))

    def read(self, root: Path | str, path: str) -> tuple[bytes, str]:
        """What is sent of a frame, and its media type."""
        if self.holds(inside(root, path)):
            return read_file(root, path)
        buffer = BytesIO()
        read_image(inside(root, path), self.max_pixels, self.min_pixels).save(buffer, "PNG")
        return buffer.getvalue(), "image/png"


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


def fit(question: Question, root: Path, policy: Policy, limit: int, budget: Budget) -> Question:
    """The question with the frames that policy and caps leave. Too many tokens for `full` make it `uniform`."""
    frames = question.images or question.video
    costs = [budget.tokens(inside(root, path)) for path in frames]
    max_tokens = budget.max_tokens
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


def _size(path: Path) -> tuple[int, int]:
    with image_faults(path), Image.open(path) as image:
        return image.size
