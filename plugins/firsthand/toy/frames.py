"""Frames of a week's clips as JPEG files beside it, written once and shared by all rows that show them."""

from collections.abc import Sequence
from pathlib import Path

from firsthand import clock, files
from firsthand.media.decode import opened

SPAN = (-1.0, -0.5, 0.0, 0.5)  # seconds around the moment that a video shows; the last is before the query time
FPS = 2.0
QUALITY = 90


def numbers_at(moment: float, offsets: Sequence[float] = SPAN) -> list[int]:
    """The numbers of the frames of a clip at some seconds around a moment."""
    last = clock.CLIP * clock.FPS - 1
    return [min(max(round((moment + offset) * clock.FPS), 0), last) for offset in offsets]


def stored(week: Path, clip: str, numbers: Sequence[int]) -> list[str]:
    """The paths of these frames, below the week; what is missing is decoded."""
    from PIL import Image

    paths = [f"frames/{Path(clip).stem}_{number:03d}.jpg" for number in numbers]
    missing = {path: n / clock.FPS for path, n in zip(paths, numbers, strict=True) if not (week / path).exists()}
    if missing:
        with opened(week / clip) as video:
            found = video.at(list(missing.values()))
        for path, shown in zip(missing, found, strict=True):
            with files.replacing(week / path) as partial:
                Image.fromarray(shown.frame.to_ndarray(format="rgb24")).save(partial, "JPEG", quality=QUALITY)
    return paths
