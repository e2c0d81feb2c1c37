"""Media of a row: there, inside the root, readable by their headers, and of a size that a photo or a frame has."""

from collections.abc import Iterator, Sequence
from pathlib import PurePath

from firsthand.data.read.media_headers import MAX_SIDE, Look
from firsthand.data.read.sample import Sample
from firsthand.findings import ROW_RULES, InRow

ABSOLUTE = ROW_RULES["media-absolute"]
EMBEDDED = ROW_RULES["media-embedded"]
SIZE = ROW_RULES["media-size"]
ODD = ROW_RULES["media-odd-size"]
FRAMES = ROW_RULES["frames-differ"]
SMALLEST, NARROWEST = 28, 200


def check(sample: Sample, images: Sequence[Look], videos: Sequence[Sequence[Look]]) -> Iterator[InRow]:
    named = [*zip(sample.images, images, strict=True)]
    for video, looks in zip(sample.videos, videos, strict=True):
        named += zip(video.paths, looks, strict=True)
        sizes = {(look.width, look.height) for look in looks if look.problem is None}
        if len(sizes) > 1:
            shown = ", ".join(f"{width} x {height}" for width, height in sorted(sizes)[:3])
            yield FRAMES, f"{video.paths[0]} and the frames after it: {shown}"
    if any(isinstance(name, bytes) for name in sample.images):
        yield EMBEDDED, f"{sum(len(name) for name in sample.images if isinstance(name, bytes)):,} bytes"
    seen: set[str | bytes] = set()
    for name, look in named:
        if name in seen:
            continue
        seen.add(name)
        if look.problem:
            yield look.problem
            continue
        if isinstance(name, str) and PurePath(name).is_absolute():
            yield ABSOLUTE, name
        yield from _size(name if isinstance(name, str) else "an embedded image", look)


def _size(name: str, look: Look) -> Iterator[InRow]:
    shown = f"{name} is {look.width} x {look.height}"
    short, long = sorted((look.width, look.height))
    if not short or long / short > NARROWEST:
        yield SIZE, f"{shown}: a processor takes no side {NARROWEST} times the other"
    elif short < SMALLEST or long > MAX_SIDE:
        yield ODD, shown
