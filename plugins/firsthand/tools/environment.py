"""The recorded video as one row may see it: its own source, nothing after its query time.

Every visual tool reads frames here, so the rule stands in one place. What is said about a gap names recorded times
before the query time only: even that there is a later recording is news from the future.
"""

import math
from functools import lru_cache
from pathlib import Path

from firsthand import clock
from firsthand.llm.faults import Failed
from firsthand.media.paths import inside
from firsthand.media.store import Frame, FrameStore
from firsthand.tools.protocol import BlockedByTime, Context, Image, WrongArguments


class Environment:
    """A frame store, or a folder of them; a row names the folder of its own, if it is not the root."""

    def __init__(self, root: Path | str):
        self._root = Path(root)
        self._open = lru_cache(maxsize=64)(FrameStore)

    def image(self, context: Context, moment: float, pixels: int | None = None) -> Image:
        """The frame on show at a moment: the last one up to it, so none from after the query time."""
        refuse_future(context, moment)
        store = self._store(context)
        start = max(self._past(store, context, moment, moment)[0][0], clock.plus(moment, -1 / store.fps))
        if not (found := store.frames(context.source, start, moment)):
            raise WrongArguments(f"no frame was recorded at {clock.stamp(moment)}; ask for a slightly later time")
        return _image(found[-1], pixels)

    def images(
        self, context: Context, start: float, end: float, *, most: int, pixels: int, fps: float | None = None
    ) -> tuple[Image, ...]:
        """Frames of a range: at most `fps` a second and `most` in all, evenly spread."""
        refuse_future(context, end)
        store = self._store(context)
        self._past(store, context, start, end)
        if not (found := store.frames(context.source, start, end, count=most, fps=fps)):
            raise WrongArguments(f"no frame was recorded in {clock.format_range(start, end)}; ask for a longer range")
        return tuple(_image(frame, pixels) for frame in found)

    def is_recorded(self, context: Context, moment: float) -> bool:
        return any(start <= moment <= end for start, end in self._store(context).spans(context.source))

    def lacks(self, context: Context) -> str | None:
        try:
            self._store(context)
        except Failed as why:
            return str(why)
        return None

    def _store(self, context: Context) -> FrameStore:
        store = self._open(inside(self._root, context.media_root, folder=True) if context.media_root else self._root)
        if context.source not in store.sources():
            raise Failed(f"there is no video of {context.source}")
        return store

    @staticmethod
    def _past(store: FrameStore, context: Context, start: float, end: float) -> list[tuple[float, float]]:
        """The recorded spans in a range. If there are none, the model reads which recorded times are near."""
        latest = math.inf if context.query_time is None else context.query_time
        past = [(first, min(last, latest)) for first, last in store.spans(context.source) if first <= latest]
        if found := [(first, last) for first, last in past if first <= end and last >= start]:
            return found
        nearest = sorted(past, key=lambda span: max(span[0] - end, start - span[1]))[:2]
        known = " and ".join(clock.format_range(*span) for span in sorted(nearest)) or "none"
        asked = clock.stamp(start) if start == end else clock.format_range(start, end)
        raise WrongArguments(f"nothing was recorded at {asked}; the nearest recorded times: {known}")


def _image(frame: Frame, pixels: int | None) -> Image:
    return Image(frame.jpeg(pixels), frame.moment)


def refuse_future(context: Context, moment: float) -> None:
    if context.query_time is not None and moment > context.query_time:
        now = clock.stamp(context.query_time)
        raise BlockedByTime(f"it is {now} now and {clock.stamp(moment)} has not happened yet; ask for an earlier time")
