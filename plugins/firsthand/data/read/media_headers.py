"""A look at a medium from outside: is it there, inside the root, and what does its header say? Nothing is decoded."""

import io
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
    full = _find(root, path)
    return full if isinstance(full, Look) else _image(full, path)


def embedded(content: bytes) -> Look:
    return _image(io.BytesIO(content), "an embedded image")


@lru_cache(maxsize=1 << 16)
def video(root: Path, path: str) -> Look:
    full = _find(root, path)
    return full if isinstance(full, Look) else _video(full, path)


def _find(root: Path, path: str) -> Path | Look:
    try:
        full = inside(root, path)
    except UserError as error:
        missing = "no such file" in str(error)
        return Look(problem=(MISSING if missing else OUTSIDE, str(error)))
    if not full.stat().st_size:
        return Look(problem=(UNREADABLE, f"{path} has 0 bytes"))
    return full


def _image(file: Any, path: str) -> Look:
    import warnings

    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file) as opened:
                size = opened.size
        return Look(*size)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return Look(problem=(UNREADABLE, f"{path} is not a readable image ({error})"))


def _video(file: Path, path: str) -> Look:
    import av

    try:
        with av.open(str(file)) as container:
            look = _measured(container, path)
    except (av.FFmpegError, OSError, ValueError) as error:
        return Look(problem=(UNREADABLE, f"{path} is not a readable video ({error})"))
    return look


def _measured(container: Any, path: str) -> Look:
    if not container.streams.video:
        return Look(problem=(UNREADABLE, f"{path} holds no pictures, only {_streams(container)}"))
    stream = container.streams.video[0]
    if not stream.duration or not stream.time_base or not stream.average_rate:
        return Look(problem=(UNREADABLE, f"{path} does not say how long it is"))
    seconds = float(stream.duration * stream.time_base)
    return Look(stream.width, stream.height, stream.frames, seconds, float(stream.average_rate))


def _streams(container: Any) -> str:
    return ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
