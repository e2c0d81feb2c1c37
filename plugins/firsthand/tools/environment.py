"""The recorded video as one row may see it: its own source, nothing after its query time.

Every visual tool reads frames here, so the rule stands in one place. What is said about a gap names recorded times
before the query time only: even that somebody was recording later is news from the future.
"""

from functools import lru_cache
from pathlib import Path

from firsthand import clock
from firsthand.media.paths import inside
from firsthand.media.store import Frame, FrameStore
from firsthand.tools.protocol import BlockedByTime, Context, Failed, WrongArguments


class Environment:
    """All frame stores below one root; a row names the folder of its own, if it is not the root."""

    def __init__(self, root: Path | str):
        self._root = Path(root)
        self._store = lru_cache(maxsize=64)(FrameStore)

    def frame(self, context: Context, moment: float) -> Frame:
        """The frame that is seen at a moment."""
        refuse_future(context, moment)
        store = self._of(context)
        [(start, _), *_] = self._recorded(store, context, moment, moment)
        frame = store.frame(context.source, moment)
        if context.query_time is not None and frame.moment > context.query_time:  # the nearest, but not yet there
            earlier = store.frames(context.source, start, context.query_time)
            if not earlier:
                raise WrongArguments(f"no frame was recorded before {clock.stamp(moment)}; ask for an earlier time")
            frame = earlier[-1]
        return frame

    def frames(self, context: Context, start: float, end: float, *, fps: float, most: int) -> list[Frame]:
        """Frames of a range at a rate, or `most` of them evenly spread if the rate gives more."""
        refuse_future(context, end)
        store = self._of(context)
        self._recorded(store, context, start, end)
        if clock.seconds_between(start, end) * fps + 1 > most:
            found = store.frames(context.source, start, end, count=most)
        else:
            found = store.frames(context.source, start, end, fps=fps)
        if not found:
            raise WrongArguments(f"no frame was recorded in {clock.format_range(start, end)}; ask for a longer range")
        return found

    def is_recorded(self, context: Context, *moments: float) -> bool:
        spans = self._of(context).spans(context.source)
        return all(any(start <= moment <= end for start, end in spans) for moment in moments)

    def _of(self, context: Context) -> FrameStore:
        root = inside(self._root, context.media_root, folder=True) if context.media_root else self._root
        store = self._store(root)
        if context.source not in store.sources():
            raise Failed(f"there is no video of {context.source}")
        return store

    @staticmethod
    def _recorded(store: FrameStore, context: Context, start: float, end: float) -> list[tuple[float, float]]:
        """The recorded parts of a range; none is the model's mistake, who reads which times are near."""
        latest = float("inf") if context.query_time is None else context.query_time
        past = [(first, min(last, latest)) for first, last in store.spans(context.source) if first <= latest]
        if found := [part for part in past if part[0] <= end and part[1] >= start]:
            return found
        nearest = sorted(past, key=lambda part: max(part[0] - end, start - part[1]))[:2]
        known = " and ".join(clock.format_range(*part) for part in sorted(nearest)) or "none"
        asked = clock.stamp(start) if start == end else clock.format_range(start, end)
        raise WrongArguments(f"nothing was recorded at {asked}; the nearest recorded times: {known}")


def refuse_future(context: Context, moment: float) -> None:
    if context.query_time is not None and moment > context.query_time:
        now = clock.stamp(context.query_time)
        raise BlockedByTime(f"It is {now} now; {clock.stamp(moment)} has not happened yet. Ask for an earlier time.")
