"""One row against the rules that need no other row: `data check` asks them of a whole file, the doctor of 100 rows."""

from dataclasses import dataclass
from pathlib import Path

from firsthand.data.check.rules import answers, budget, media, placeholders, turns
from firsthand.data.check.token_count import Frames, sampled
from firsthand.data.read import media_headers
from firsthand.data.read.media_headers import Look
from firsthand.data.read.sample import Sample
from firsthand.findings import InRow
from firsthand.media.limits import Limits


@dataclass(frozen=True)
class Media:
    """What the headers of a row's media say."""

    images: list[Look]
    videos: list[list[Look]]  # a file, or frames


def look_at(sample: Sample, root: Path) -> Media:
    images = [
        media_headers.embedded(name) if isinstance(name, bytes) else media_headers.image(root, name)
        for name in sample.images
    ]
    readers = [media_headers.video if video.frames is None else media_headers.image for video in sample.videos]
    pairs = zip(readers, sample.videos, strict=True)
    return Media(images, [[read(root, path) for path in video.paths] for read, video in pairs])


def check(sample: Sample, seen: Media) -> list[InRow]:
    return [
        *placeholders.check(sample),
        *turns.check(sample),
        *answers.check(sample),
        *media.check(sample, seen.images, seen.videos),
    ]


def is_broken(found: list[InRow]) -> bool:
    """Nothing is counted of a row that breaks."""
    return any(rule.level == "error" for rule, _ in found)


def shown(sample: Sample, seen: Media, limits: Limits, stamps: bool) -> tuple[list[Frames], list[InRow]]:
    """The frames that a model is shown, and what the recipe has against them; with `stamps` it sees their times."""
    frames = [sampled(video, looks, limits) for video, looks in zip(sample.videos, seen.videos, strict=True)]
    return frames, list(budget.check(sample, seen.images, frames, limits, stamps))
