"""What a memory is made of: pieces of text about stretches of one source's time, at four levels.

A source is a person's week or a video; a video's time is `DAY1_00000000` and the seconds elapsed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from firsthand import clock

COARSE_TO_FINE = tuple(sorted(clock.LEVELS, key=clock.LEVELS.__getitem__, reverse=True))  # 1day, 1hour, 10min, 30s


@dataclass(frozen=True)
class Record:
    source: str
    level: str  # of clock.LEVELS
    start: float  # seconds of `clock`
    end: float
    text: str
    provenance: tuple[str, ...] = ()  # the clips that the text was made from, by the stamps at which they begin


def origin(parts: Iterable[Record]) -> tuple[str, ...]:
    """The provenance of a text that is made from these records: every clip once, in order of time."""
    return tuple(dict.fromkeys(clip for part in parts for clip in part.provenance))
