"""Small pictures of the moments of a trajectory, out of the run's frame store.

If a tool returned frames, these are shown. If it answered in words about a stretch of the video, a few frames of that
stretch show what was there. The page says which of the two it shows.
"""

import base64
from functools import lru_cache
from pathlib import Path

from firsthand import clock
from firsthand.errors import UserError
from firsthand.media.store import Frame, FrameStore
from firsthand.pages.run.episode import Shown
from firsthand.rollout.trace import Turn

PIXELS = 220 * 165
MOST = 12  # frames of one turn
OF_SPANS = 4


def open_store(path: Path | str) -> FrameStore:
    """A frame store, or the one that a tools YAML names."""
    if Path(path).suffix in (".yaml", ".yml"):
        from firsthand.tools.catalogue import read

        video = read(path).video
        if video is None:
            raise UserError(f"{path}: names no frame store (`video:`)")
        path = video
    store = FrameStore(path)
    store.sources()  # an error here is better than one per frame
    return store


class Thumbnails:
    def __init__(self, store: FrameStore) -> None:
        self.store = store
        self.sources = frozenset(store.sources())
        self.missing = 0  # frames that came back to the model and are not in this store
        self._url = lru_cache(maxsize=2048)(_data_url)

    def of(self, row: Shown) -> tuple[list[list[str]], dict[str, str]]:
        """The names of the frames of each turn, and the pictures by name."""
        pictures: dict[str, str] = {}
        names: list[list[str]] = []
        for turn in row.turns:
            names.append([])
            for frame in self._frames(row.identity, turn):
                name = f"{frame.source} {clock.stamp(frame.moment)}"
                names[-1].append(name)
                pictures[name] = self._url(frame)
        return names, pictures

    def _frames(self, source: str | None, turn: Turn) -> list[Frame]:
        if source is None or source not in self.sources:
            self.missing += len(turn.images)
            return []
        if turn.images:
            found = [self._frame(source, moment) for moment in turn.images[:MOST]]
            self.missing += found.count(None)
            return [frame for frame in found if frame]
        spans, each = turn.spans[:OF_SPANS], max(1, OF_SPANS // max(1, len(turn.spans)))
        return [frame for start, end in spans for frame in self._spread(source, start, end, each)]

    def _spread(self, source: str, start: float, end: float, count: int) -> list[Frame]:
        if start == end:
            frame = self._frame(source, start)
            return [frame] if frame else []
        return self.store.frames(source, start, end, count=count)

    def _frame(self, source: str, moment: float) -> Frame | None:
        try:
            return self.store.frame(source, moment)
        except UserError:
            return None


def _data_url(frame: Frame) -> str:
    try:
        jpeg = frame.jpeg(PIXELS)
    except (OSError, ValueError) as error:
        raise UserError(f"{frame.path}: cannot be read ({error}); extract the store again") from None
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
