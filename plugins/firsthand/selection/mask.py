"""Takes the interaction region out of a frame: noise in its place, and nothing else changes.

The noise must not say what it hides. Noise with the mean and spread of the region itself, as published, still has the
colour of the thing; noise like the rest of the frame has nothing of it (tests/selection/test_mask.py has the table).
Only pixels inside the boxes change, and the frame keeps its size: a model reads as many tokens as before.
"""

import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from firsthand.errors import UserError
from firsthand.media.paths import inside
from firsthand.media.reading import Clip, image_faults
from firsthand.selection.region_file import Box, Region

Noise = Literal["outside", "region"]  # whose mean and spread the noise has


def masked(frame: np.ndarray, boxes: Sequence[Box], noise: Noise, seed: int) -> np.ndarray:
    """A copy of a frame, uint8 [h, w, 3], with noise in the boxes: the same noise for the same seed."""
    hidden = np.zeros(frame.shape[:2], bool)
    for left, top, right, bottom in boxes:
        hidden[max(0, math.floor(top)) : math.ceil(bottom), max(0, math.floor(left)) : math.ceil(right)] = True
    like = frame[~hidden] if noise == "outside" else frame[hidden]
    if not len(like):
        raise UserError("the region is the whole frame; there is nothing around it that noise could be like")
    drawn = np.random.default_rng(seed).normal(like.mean(0), like.std(0), (int(hidden.sum()), 3))
    out = frame.copy()
    out[hidden] = np.clip(drawn.round(), 0, 255).astype(np.uint8)
    return out


class Mask:
    """The frames of one row without its region, as the readers of `llm/media.py` call for them."""

    def __init__(self, region: Region, frames: Sequence[str], noise: Noise) -> None:
        self.region, self.noise = region, noise
        if region.frames and max(region.frames) >= len(frames) > 0:
            raise UserError(f"{region.id}: its region is of frame {max(region.frames)}, the row has {len(frames)}")
        self.boxes: dict[str, list[Box]] = {}  # by path: whoever shows a frame twice hides it twice
        for place, box in self._found():
            if frames:
                self.boxes.setdefault(frames[place], []).append(box)

    def _found(self) -> list[tuple[int, Box]]:
        both = zip(self.region.frames, self.region.boxes, strict=True)
        return [(place, box) for place, box in both if box is not None]

    def read(self, root: Path | str, path: str) -> tuple[bytes, str]:
        """A file as it is sent: a masked frame as PNG, any other byte for byte."""
        from firsthand.llm.media import png, read_image

        if path not in self.boxes:
            return read_image(root, path)
        with image_faults(path), Image.open(inside(root, path)) as image:
            shown = image.convert("RGB")
        return png(self._hide(shown, self.boxes[path], path)), "image/png"

    def edit(self, clip: Clip) -> Clip:
        """The frames that were sampled from a video file."""
        frames = list(clip.frames)
        for place, box in self._found():
            if place >= len(frames):
                raise UserError(f"{self.region.id}: its region is of frame {place}, the video gives {len(frames)}")
            frames[place] = self._hide(frames[place], [box], str(place))
        return Clip(frames, clip.numbers, clip.rate, clip.total)

    def _hide(self, frame: Image.Image, boxes: Sequence[Box], name: str) -> Image.Image:
        if frame.size != self.region.size:
            width, height = self.region.size
            raise UserError(
                f"{self.region.id}: its region is of frames of {width} x {height}, {name} has "
                f"{frame.width} x {frame.height}; find the regions again"
            )
        seed = zlib.crc32(f"{self.region.id} {name}".encode())
        return Image.fromarray(masked(np.asarray(frame), boxes, self.noise, seed))
