"""Reading a frame store: which frame was on show when, and its pixels."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from firsthand import clock
from firsthand.errors import UserError
from firsthand.media.index import reading
from firsthand.media.paths import inside
from firsthand.media.pixels import shrink

_FRAME = "SELECT moment, folder FROM frames JOIN videos ON videos.id = video WHERE frames.source = ?"


@dataclass(frozen=True)
class Frame:
    source: str
    moment: float  # clock seconds at which it was on show
    path: Path

    def jpeg(self, max_pixels: int | None = None) -> bytes:
        """The file, or a smaller copy with at most `max_pixels`."""
        return shrink(self.path.read_bytes(), max_pixels)


class FrameStore:
    def __init__(self, root: Path | str):
        self.root = Path(root)

    @cached_property
    def fps(self) -> float:
        with reading(self.root) as index:
            [fps] = index.execute("SELECT value FROM settings WHERE key = 'fps'").fetchone()
        return fps

    def sources(self) -> list[str]:
        with reading(self.root) as index:
            rows = index.execute("SELECT DISTINCT source FROM videos ORDER BY source")
            return [source for (source,) in rows]

    def spans(self, source: str) -> list[tuple[float, float]]:
        """Recorded time as (start, end); clips that lie less than one frame of the store apart are one span."""
        with reading(self.root) as index:
            rows = index.execute("SELECT start, end FROM videos WHERE source = ? ORDER BY start", (source,)).fetchall()
        if not rows:
            raise UserError(f"{self.root}: no source {source!r}; it has {', '.join(self.sources()) or 'none'}")
        spans = [rows[0]]
        for start, end in rows[1:]:
            if clock.seconds_between(spans[-1][1], start) < 1 / self.fps:
                spans[-1] = (spans[-1][0], max(spans[-1][1], end))
            else:
                spans.append((start, end))
        return spans

    def frame(self, source: str, moment: float) -> Frame:
        """The frame on show at a moment: the last one before it, or else the next, not more than 1/fps away."""
        with reading(self.root) as index:
            before = index.execute(
                f"{_FRAME} AND moment <= ? ORDER BY moment DESC LIMIT 1", (source, moment)
            ).fetchone()
            if before and clock.seconds_between(before[0], moment) <= 1 / self.fps:
                return self._frame(source, *before)
            after = index.execute(f"{_FRAME} AND moment > ? ORDER BY moment LIMIT 1", (source, moment)).fetchone()
            if after and clock.seconds_between(moment, after[0]) <= 1 / self.fps:
                return self._frame(source, *after)
        nearest = " and ".join(clock.stamp(row[0]) for row in (before, after) if row)
        if not nearest:
            self.spans(source)  # raises if there is no such source
        raise UserError(f"{source} has no frame at {clock.stamp(moment)}; the nearest recorded times: {nearest}")

    def frames(
        self, source: str, start: float, end: float, *, count: int | None = None, fps: float | None = None
    ) -> list[Frame]:
        """Frames with start <= moment <= end: all, or at most `fps` a second, and at most `count`, evenly spread."""
        with reading(self.root) as index:
            rows = index.execute(
                f"{_FRAME} AND moment BETWEEN ? AND ? ORDER BY moment, frames.start", (source, start, end)
            )
            found = list(dict(rows).items())  # where two clips overlap, the later one
        if fps:
            found = _at_rate(found, fps)
        if count is not None and count < len(found):
            found = [found[(2 * i + 1) * len(found) // (2 * count)] for i in range(count)]
        return [self._frame(source, *row) for row in found]

    def count(self, source: str, start: float, end: float) -> int:
        with reading(self.root) as index:
            counted = "SELECT count(*) FROM frames WHERE source = ? AND moment BETWEEN ? AND ?"
            return index.execute(counted, (source, start, end)).fetchone()[0]

    def _frame(self, source: str, moment: float, folder: str) -> Frame:
        return Frame(source, moment, inside(self.root, self.root.absolute() / folder / f"{clock.stamp(moment)}.jpg"))


def _at_rate(found: list[tuple[float, str]], fps: float) -> list[tuple[float, str]]:
    """The first frame of every 1/fps seconds since the first of all."""
    slots: dict[int, tuple[float, str]] = {}
    for moment, folder in found:
        slots.setdefault(int(clock.seconds_between(found[0][0], moment) * fps + 1e-6), (moment, folder))
    return list(slots.values())
