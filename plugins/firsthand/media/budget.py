"""Pixels, frames and tokens of Qwen's vision models: how much of a video fits into a part of the context.

Pure arithmetic that agrees with the processors of transformers to the token (tests/media/test_budget.py). A token is a
square of `side` pixels, of two frames in a video. A picture is first stretched to multiples of that square, and beyond
the limits of its processor to the nearest size within them. Limits count pixels: of an image, or of one frame for
Qwen2.5-VL, but of all frames together for Qwen3-VL.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass

from firsthand.errors import UserError

FRAMES_PER_STEP = 2  # frames that share their tokens


@dataclass(frozen=True)
class Vision:
    side: int  # pixels of the square that becomes a token
    limits_whole_video: bool  # or each frame
    step_overhead: int  # tokens besides those of pixels, at most, for each two frames: their time stamp and its frame


QWEN2_5_VL = Vision(side=28, limits_whole_video=False, step_overhead=0)
# "<12345.5 seconds>", one token a digit, and the two marks around the pixels. Not counted with the tokenizer itself.
QWEN3_VL = Vision(side=32, limits_whole_video=True, step_overhead=12)


def image_tokens(vision: Vision, width: int, height: int, min_pixels: int, max_pixels: int) -> int:
    columns, rows = _grid(vision, width, height, 1, 1, min_pixels, max_pixels)
    return columns * rows


def video_tokens(vision: Vision, frames: int, width: int, height: int, min_pixels: int, max_pixels: int) -> int:
    """Tokens of the pixels; stamps come on top, `step_overhead` at most for each two frames."""
    steps = math.ceil(frames / FRAMES_PER_STEP)
    depth, padded = (frames, steps * FRAMES_PER_STEP) if vision.limits_whole_video else (1, 1)
    columns, rows = _grid(vision, width, height, depth, padded, min_pixels, max_pixels)
    return steps * columns * rows


def frames_within(vision: Vision, tokens: int, width: int, height: int) -> int:
    """How many frames of this size fit, stamps included."""
    return tokens // _cost(vision, FRAMES_PER_STEP, width, height) * FRAMES_PER_STEP


def pixels_within(vision: Vision, tokens: int, frames: int, width: int, height: int) -> int:
    """The most pixels of a frame with which so many fit, stamps included: what `firsthand media extract` shrinks to."""
    budgets = range(1, width * height + 1)
    fitting = bisect_right(budgets, tokens, key=lambda one: _cost(vision, frames, *within(width, height, one)))
    if not fitting:
        raise UserError(f"{frames} frames cannot fit into {tokens} tokens; take fewer frames or allow more tokens")
    return fitting


def within(width: int, height: int, max_pixels: int | None) -> tuple[int, int]:
    """The size of a picture that has at most `max_pixels` and the same shape."""
    if not max_pixels or width * height <= max_pixels:
        return width, height
    factor = math.sqrt(max_pixels / (width * height))
    return max(1, int(width * factor)), max(1, int(height * factor))


def _cost(vision: Vision, frames: int, width: int, height: int) -> int:
    """All tokens of a video whose frames are small enough for the processor."""
    steps = math.ceil(frames / FRAMES_PER_STEP)
    return video_tokens(vision, frames, width, height, 1, 2**62) + steps * vision.step_overhead


def _grid(
    vision: Vision, width: int, height: int, frames: int, padded: int, min_pixels: int, max_pixels: int
) -> tuple[int, int]:
    """Columns and rows of squares. As in the processors, limits are compared with `padded` and kept with `frames`."""
    columns, rows = round(width / vision.side), round(height / vision.side)
    pixels = padded * columns * rows * vision.side**2
    if pixels > max_pixels:
        factor = math.sqrt(frames * width * height / max_pixels)
        return max(1, int(width / factor / vision.side)), max(1, int(height / factor / vision.side))
    if pixels < min_pixels:
        factor = math.sqrt(min_pixels / (frames * width * height))
        return math.ceil(width * factor / vision.side), math.ceil(height * factor / vision.side)
    return columns, rows
