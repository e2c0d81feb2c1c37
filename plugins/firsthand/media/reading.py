"""Media of a prompt as a processor takes them: opened, within their pixel budget, frames with their true times.

The rule of sizes is LLaMA-Factory's (`image_max_pixels`, `video_max_pixels` and the minima), so that reinforcement
learning sees the same pixels as fine-tuning. Media within their budget are not touched; then evaluation and serving,
which know no budget, see the same too.

qwen-vl-utils, the usual reader of veRL, will not do for lists of frames: it stretches each frame to multiples of 64
pixels, and when it doubles the last of an odd number of frames it gives the copy a later time, so that the last time
stamp is wrong.

A video file is sampled by LLaMA-Factory's rule too (`video_fps`, `video_maxlen`): evenly over its frames, the first and
the last among them, frame n dated n / rate of the file. As there, a video that a phone filmed sideways stays so, and
its colours are read as BT.601. Each frame is made small as it is decoded: a long video costs no more memory than a
short one. LLaMA-Factory multiplies times with `video_fps` and divides again: at 0.5, 1, 2 or 4 nothing changes, at
rates like 3 it rounds some stamps in a thousand the other way.
"""

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from firsthand.errors import UserError
from firsthand.media.budget import reshapings, scalings
from firsthand.media.decode import opened
from firsthand.media.limits import FPS, IMAGE, MAX_FRAMES, VIDEO

if TYPE_CHECKING:
    import torch

Source = str | Path | Image.Image
IMAGE_FAULTS = (
    *(OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, OverflowError, MemoryError, struct.error),
    *(zlib.error, Image.DecompressionBombError),
)


def read_image(source: Source, max_pixels: int = IMAGE[1], min_pixels: int = IMAGE[0]) -> Image.Image:
    """An RGB image with at least `min_pixels` and at most `max_pixels`, whatever its shape."""
    with image_faults("an image" if isinstance(source, Image.Image) else source):
        image = source if isinstance(source, Image.Image) else Image.open(source)
        for size in scalings(*image.size, (min_pixels, max_pixels)):
            image = image.resize(size)
        image = image.convert("RGB")
        for size in reshapings(*image.size):
            image = image.resize(size)
        return image


def read_video(
    sources: Sequence[Source], fps: float, max_pixels: int = VIDEO[1], min_pixels: int = VIDEO[0]
) -> tuple["torch.Tensor", dict[str, Any]]:
    """Frames sampled at `fps`, uint8 [n, 3, h, w], and the facts that keep a processor from sampling them again."""
    frames = [read_image(source, max_pixels, min_pixels) for source in sources]
    if len({frame.size for frame in frames}) > 1:
        raise UserError(f"the frames of a video must all have one size; see {sources[0]} and those that follow")
    return _stacked(frames), {"fps": fps, "frames_indices": list(range(len(frames))), "total_num_frames": len(frames)}


@dataclass(frozen=True)
class Clip:
    """Frames of a video file, already within the budget."""

    frames: list[Image.Image]
    numbers: list[int]  # which frames of the file they are
    rate: float  # of the file: frame n comes n / rate seconds after the first
    total: int  # frames of the file

    @property
    def facts(self) -> dict[str, Any]:
        return {"fps": self.rate, "frames_indices": self.numbers, "total_num_frames": self.total}


def read_clip(
    path: Path,
    fps: float = FPS,
    max_frames: int = MAX_FRAMES,
    max_pixels: int = VIDEO[1],
    min_pixels: int = VIDEO[0],
    span: tuple[float, float] | None = None,
    min_frames: int = 1,
) -> Clip:
    """`fps` frames of each second of a video file, or of a span of it: from `min_frames` to `max_frames` in all."""
    with opened(path) as video:
        total, seconds, rate = video.header()
        first, end = _within(span, total, rate, path) if span else (0, total)
        if span:
            seconds = (end - first) / rate
        numbers = [first + number for number in spread(end - first, seconds, fps, max_frames, min_frames)]
        frames = [read_image(shown.frame.to_image(), max_pixels, min_pixels) for shown in video.numbered(numbers)]
    return Clip(frames, numbers, rate, total)


def _within(span: tuple[float, float], total: int, rate: float, path: Path) -> tuple[int, int]:
    """The first frame of a span, and the one after its last: a frame at the very end is not in it."""
    first, end = math.ceil(span[0] * rate - 1e-6), min(total, math.ceil(span[1] * rate - 1e-6))
    if first >= end:
        raise UserError(f"{path}: has no frame from {span[0]:g} s to {span[1]:g} s, it is {total / rate:.1f} s long")
    return first, end


def read_video_file(path: Path, **sampling: Any) -> tuple["torch.Tensor", dict[str, Any]]:
    """As `read_video`, for a file that `read_clip` samples."""
    clip = read_clip(path, **sampling)
    return _stacked(clip.frames), clip.facts


def spread(total: int, seconds: float, fps: float, max_frames: int, min_frames: int = 1) -> list[int]:
    """Which of all frames of a file are shown: some twice where it has fewer than `min_frames`."""
    import numpy as np

    count = max(min_frames, min(total, max_frames, max(1, math.floor(seconds * fps))))
    return np.linspace(0, total - 1, count).astype(int).tolist()


def _stacked(frames: Sequence[Image.Image]) -> "torch.Tensor":
    import numpy as np
    import torch

    return torch.from_numpy(np.stack([np.asarray(frame) for frame in frames])).permute(0, 3, 1, 2)


@contextmanager
def image_faults(name: str | Path) -> Iterator[None]:
    """All that a damaged or oversized image makes Pillow raise becomes one message. It decodes late: the block must
    hold the first use of the pixels too."""
    try:
        yield
    except IMAGE_FAULTS as error:
        raise UserError(f"{name}: not a readable image ({error})") from None
