"""A look at a medium from outside: is it there, inside the root, and what does its header say? Nothing is decoded."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from firsthand.errors import UserError
from firsthand.findings import ROW_RULES, InRow
from firsthand.media.paths import inside

OUTSIDE = ROW_RULES["media-outside"]
MISSING = ROW_RULES["media-missing"]
UNREADABLE = ROW_RULES["media-unreadable"]
MAX_SIDE = 20_000


@dataclass(frozen=True)
class Look:
    """Size as stored; a video file has frames, seconds and fps too."""

    width: int = 0
    height: int = 0
    frames: int = 0
    seconds: float = 0.0
    fps: float = 0.0
    problem: InRow | None = None


@lru_cache(maxsize=1 << 16)
def image(root: Path, path: str) -> Look:
    return _look(root, path, _image)


@lru_cache(maxsize=1 << 16)
def video(root: Path, path: str) -> Look:
    return _look(root, path, _video)


def embedded(content: bytes) -> Look:
    return _image(io.BytesIO(content), "an embedded image")


def _look(root: Path, path: str, measure: Callable[[Path, str], Look]) -> Look:
    try:
        full = inside(root, path)
    except UserError as error:
        return Look(problem=(MISSING if "no such file" in str(error) else OUTSIDE, str(error)))
    return measure(full, path) if full.stat().st_size else Look(problem=(UNREADABLE, f"{path} has 0 bytes"))


def _image(file: Any, path: str) -> Look:
    import warnings

    from PIL import Image

    from firsthand.media.reading import IMAGE_FAULTS

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file) as opened:
                size = opened.size
        return Look(*size)
    except IMAGE_FAULTS as error:
        return Look(problem=(UNREADABLE, f"{path} is not a readable image ({error})"))


def _video(file: Path, path: str) -> Look:
    import av

    try:
        with av.open(str(file)) as container:
            look = _measured(container, path)
        return look
    except (av.FFmpegError, OSError, ValueError) as error:
        return Look(problem=(UNREADABLE, f"{path} is not a readable video ({error})"))


def _measured(container: Any, path: str) -> Look:
    if not container.streams.video:
        streams = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        return Look(problem=(UNREADABLE, f"{path} holds no pictures, only {streams}"))
    stream = container.streams.video[0]
    if not stream.duration or not stream.time_base or not stream.average_rate:
        return Look(problem=(UNREADABLE, f"{path} does not say how long it is"))
    seconds = float(stream.duration * stream.time_base)
    return Look(stream.width, stream.height, stream.frames, seconds, float(stream.average_rate))
