"""Frames of a video file by the time at which they are shown, decoded by PyAV.

The frame shown at a moment is the last one whose presentation time is not after it. Times come from the stream, never
from a frame number and a rate, so that variable frame rates are right, and they count from the first frame.

A few frames are reached by seeking, and a seek lands on a key frame before its target. Two wanted frames between the
same key frames are therefore decoded in one go: a seek pays only over more than the longest distance from a key frame
to its target that was met in this file. Many frames are decoded straight through (bench/media.py compares the two).
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
from av.stream import Disposition

from firsthand import clock
from firsthand.errors import UserError

_SAME = 1e-4  # seconds; time bases round
_SHORT = 1.0  # seconds that a stream may end before its declared end
_STEPS_BACK = (0.0, 2.0, math.inf)  # where a seek aims, in seconds before its target, until it lands before it


class Broken(UserError):
    """A video that cannot be decoded as it should be."""

    def __init__(self, path: Path, reason: object):
        super().__init__(f"{path}: {reason}")
        self.reason = str(reason)


@dataclass(frozen=True)
class Shown:
    asked: float  # seconds from the beginning of the video
    since: float  # presentation time of the frame, not after `asked`
    frame: av.VideoFrame  # as stored; media.pixels turns and colours it


@contextmanager
def opened(path: Path, threads: int = 1) -> Iterator["Video"]:
    with _broken(path):
        if not path.stat().st_size:
            raise Broken(path, "an empty file")
        container = av.open(str(path), metadata_errors="replace")
    with container:
        yield Video(path, container, threads)


class Video:
    def __init__(self, path: Path, container: av.container.InputContainer, threads: int):
        streams = [one for one in container.streams.video if not one.disposition & Disposition.attached_pic]
        if not streams:
            raise Broken(path, "no video stream")
        self.path, self.end = path, 0.0  # the end is known once `sample` is through
        self._container, self._stream = container, streams[0]
        self._stream.codec_context.thread_count = threads
        self._stream.codec_context.thread_type = "AUTO"
        self._base, self._start = float(self._stream.time_base or 0), self._stream.start_time or 0

    def sample(self, fps: float) -> Iterator[Shown]:
        """The frames shown at 0, 1/fps, 2/fps, ... in one pass; at the end, `Broken` if the end comes too early."""
        number, last = 0, None

        def shown_before(time: float) -> Iterator[Shown]:
            nonlocal number
            while last and (asked := clock.plus(0.0, number / fps)) < time - _SAME:
                yield Shown(asked, self._time(last), last)
                number += 1

        for frame in self._decode():
            yield from shown_before(self._time(frame))
            last = frame
        if last is None:
            raise Broken(self.path, "no frame can be decoded")
        self.end = self._time(last) + self._length(last)
        if self.end < self._declared() - _SHORT:
            raise Broken(self.path, f"ends after {self.end:.1f} of {self._declared():.1f} seconds")
        yield from shown_before(self.end)

    def at(self, seconds: Sequence[float]) -> list[Shown]:
        """The frames shown at these times; after the end that is the last frame."""
        found = {shown.asked: shown for shown in self._rising(sorted(set(seconds)))}
        return [found[asked] for asked in seconds]

    def numbered(self, numbers: Sequence[int]) -> Iterator[Shown]:
        """The frames with these rising numbers, from 0, in the order in which they are shown.

        Packets tell the time of every frame without decoding it, so that a number is right at any rate.
        """
        with _broken(self.path):
            packets = self._container.demux(self._stream)
            times = sorted(self._time(packet) for packet in packets if packet.size and not packet.is_discard)
        if numbers and numbers[-1] >= len(times):
            raise Broken(self.path, f"holds {len(times)} frames, not the {self._stream.frames} that it declares")
        return self._rising([times[number] for number in numbers])

    def header(self) -> tuple[int, float, float]:
        """Frames, seconds and frames per second, as the file declares them."""
        stream = self._stream
        if not (stream.frames and stream.duration and stream.average_rate):
            raise Broken(self.path, "does not say how many frames it has; copy it into a new file: ffmpeg -c copy")
        return stream.frames, float(stream.duration * self._base), float(stream.average_rate)

    def _rising(self, seconds: Sequence[float]) -> Iterator[Shown]:
        frames: Iterator[av.VideoFrame] = iter(())
        current, following, distance = None, None, 0.0
        for asked in seconds:
            if current is None or asked - self._time(current) > distance:
                current, frames = self._seek(asked)
                following, distance = next(frames, None), max(distance, asked - self._time(current))
            while following and self._time(following) <= asked + _SAME:
                current, following = following, next(frames, None)
            yield Shown(asked, self._time(current), current)

    def _seek(self, seconds: float) -> tuple[av.VideoFrame, Iterator[av.VideoFrame]]:
        """A frame at or before a time, and those that follow it."""
        for back in _STEPS_BACK:
            with _broken(self.path):
                self._container.seek(self._start + int(max(seconds - back, 0) / self._base), stream=self._stream)
            frames = self._decode()
            first = next(frames, None)
            if first and self._time(first) <= seconds + _SAME:
                return first, frames
        raise Broken(self.path, f"no frame at {seconds:.2f} seconds")

    def _decode(self) -> Iterator[av.VideoFrame]:
        latest = -math.inf
        with _broken(self.path):
            for frame in self._container.decode(self._stream):
                if frame.is_corrupt:
                    raise Broken(self.path, f"a damaged frame at {self._time(frame):.2f} seconds")
                if self._time(frame) < latest:
                    raise Broken(self.path, f"time runs backwards at {latest:.2f} seconds")
                latest = self._time(frame)
                yield frame

    def _time(self, one: av.VideoFrame | av.Packet) -> float:
        if one.pts is None:
            raise Broken(self.path, "frames without presentation times")
        return (one.pts - self._start) * self._base

    def _length(self, frame: av.VideoFrame) -> float:
        return frame.duration * self._base or 1 / float(self._stream.average_rate or clock.FPS)

    def _declared(self) -> float:
        """How many seconds the file claims to last; 0 if it does not say."""
        lengths = ((self._stream.duration or 0) * self._base, (self._container.duration or 0) / av.time_base)
        return min((length for length in lengths if length), default=0.0)


@contextmanager
def _broken(path: Path) -> Iterator[None]:
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        raise Broken(path, error.strerror or error) from None
