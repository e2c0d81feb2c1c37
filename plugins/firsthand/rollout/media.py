"""Media of a prompt as a processor takes them: opened, within their pixel budget, frames with their true times.

The rule of sizes is LLaMA-Factory's (`image_max_pixels`, `video_max_pixels` and the minima), so that reinforcement
learning sees the very pixels that fine-tuning saw. What lies within its budget is not touched; then evaluation and
serving, which know no budget, see the same.

qwen-vl-utils, the usual reader of veRL, will not do for lists of frames: it stretches each frame to multiples of 64
pixels, and it dates the twin that it adds to an odd number of frames, so that the last time stamp is wrong.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from firsthand.errors import UserError

if TYPE_CHECKING:
    import torch

SHORTEST = 28  # no side is shorter afterwards
Source = str | Path | Image.Image


def read_image(source: Source, max_pixels: int = 768 * 768, min_pixels: int = 32 * 32) -> Image.Image:
    """An RGB image with at least `min_pixels` and at most `max_pixels`, whatever its shape."""
    image = source if isinstance(source, Image.Image) else _open(source)
    for limit, outside in ((max_pixels, int.__gt__), (min_pixels, int.__lt__)):
        pixels = image.width * image.height
        if outside(pixels, limit):
            factor = math.sqrt(limit / pixels)
            image = image.resize((int(image.width * factor), int(image.height * factor)))
    image = image.convert("RGB")
    if min(image.size) < SHORTEST:
        image = image.resize((max(image.width, SHORTEST), max(image.height, SHORTEST)))
    return image


def read_video(
    sources: Sequence[Source], fps: float, max_pixels: int = 256 * 256, min_pixels: int = 16 * 16
) -> tuple["torch.Tensor", dict[str, Any]]:
    """Frames that were sampled at `fps`, uint8 [n, 3, h, w], and what tells a processor to sample them no more."""
    import numpy as np
    import torch

    frames = [np.asarray(read_image(source, max_pixels, min_pixels)) for source in sources]
    if len({frame.shape for frame in frames}) > 1:
        raise UserError(f"the frames of a video must all have one size; see {sources[0]} and those that follow")
    metadata = {"fps": fps, "frames_indices": list(range(len(frames))), "total_num_frames": len(frames)}
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2), metadata


def _open(path: str | Path) -> Image.Image:
    try:
        return Image.open(path)
    except OSError as error:
        raise UserError(f"{path}: not a readable image ({error})") from None
