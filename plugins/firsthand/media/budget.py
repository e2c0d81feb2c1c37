"""Sizes: what a budget of pixels makes of a picture, and how many tokens the picture then costs.

Pure arithmetic, equal to LLaMA-Factory's to the pixel and to that of the processors of transformers to the token
(tests/media/test_budget.py). It needs no processor, so that a recipe can be checked before any model is there.
"""

import math
from collections.abc import Iterator

from firsthand.media.limits import Budget

SHORTEST, NARROWEST, NARROWED = 28, 200, 180  # LLaMA-Factory: shortest side; a shape beyond 1:200 becomes 1:180
FRAMES_PER_STEP = 2  # frames that share their tokens
NO_LIMITS = (1, 2**62)
Size = tuple[int, int]


def shrunk(width: int, height: int, max_pixels: int | None) -> Size:
    """The size of a picture that has at most `max_pixels` and the same shape."""
    if not max_pixels or width * height <= max_pixels:
        return width, height
    return _scaled(width, height, max_pixels)


def within(width: int, height: int, budget: Budget) -> Size:
    """The size that LLaMA-Factory gives to an image or a frame; without a budget it keeps its own."""
    if budget is None:
        return width, height
    size = [(width, height), *scalings(width, height, budget)][-1]
    return [size, *reshapings(*size)][-1]


def scalings(width: int, height: int, budget: tuple[int, int]) -> Iterator[Size]:
    """Each size on the way into a budget: LLaMA-Factory resizes once for either end of it."""
    fewest, most = budget
    if width * height > most:
        width, height = _scaled(width, height, most)
        yield width, height
    if width * height < fewest:
        yield _scaled(width, height, fewest)


def reshapings(width: int, height: int) -> Iterator[Size]:
    """Each size on the way to a shape that a processor takes; LLaMA-Factory does this after the budget."""
    if min(width, height) < SHORTEST:
        width, height = max(width, SHORTEST), max(height, SHORTEST)
        yield width, height
    if width / height > NARROWEST:
        yield height * NARROWED, height
    if height / width > NARROWEST:
        yield width, width * NARROWED


def image_tokens(width: int, height: int, side: int, limits: tuple[int, int] = NO_LIMITS) -> int:
    """A token is a square of `side` pixels: a processor stretches a picture to whole squares, within its limits."""
    return _squares(width, height, side, limits, 1, 1)


def video_tokens(
    frames: int, width: int, height: int, side: int, limits: tuple[int, int] = NO_LIMITS, whole: bool = False
) -> int:
    """Tokens of the pixels, without time stamps. Limits count the `whole` video (Qwen3-VL) or one frame (Qwen2.5-VL).

    As in the processor, they are compared with an even number of frames and kept with the true one.
    """
    steps = math.ceil(frames / FRAMES_PER_STEP)
    depth, padded = (frames, steps * FRAMES_PER_STEP) if whole else (1, 1)
    return steps * _squares(width, height, side, limits, depth, padded)


def _scaled(width: int, height: int, pixels: int) -> Size:
    factor = math.sqrt(pixels / (width * height))
    return max(1, int(width * factor)), max(1, int(height * factor))


def _squares(width: int, height: int, side: int, limits: tuple[int, int], depth: int, padded: int) -> int:
    fewest, most = limits
    columns, rows = round(width / side), round(height / side)
    pixels = padded * columns * rows * side**2
    if pixels > most:
        factor = math.sqrt(depth * width * height / most)
        return max(1, int(width / factor / side)) * max(1, int(height / factor / side))
    if pixels < fewest:
        factor = math.sqrt(fewest / (depth * width * height))
        return math.ceil(width * factor / side) * math.ceil(height * factor / side)
    return columns * rows
