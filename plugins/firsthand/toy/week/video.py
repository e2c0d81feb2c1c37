"""MP4 clips: written so that equal frames are equal bytes, read back as pixels."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from firsthand import clock
from firsthand.toy.week.world import HEIGHT, WIDTH

# one thread, no B-frames and a key frame each second: the same bytes everywhere, and any frame is cheap to reach
_ENCODER = {"preset": "veryfast", "crf": "20", "threads": "1", "bf": "0", "flags": "+bitexact"}


def encode(frames: Iterable[np.ndarray]) -> bytes:
    target = io.BytesIO()
    with av.open(target, "w", format="mp4", container_options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=clock.FPS, options=_ENCODER)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = clock.FPS
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return target.getvalue()


@dataclass(frozen=True)
class Header:
    width: int
    height: int
    fps: float
    frames: int
    seconds: float


def header(path: Path) -> Header:
    """What the file's header says and how many frames it holds; av.error.FFmpegError if it is broken."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = sum(1 for packet in container.demux(stream) if packet.size)
        seconds = float((stream.duration or 0) * (stream.time_base or 0))
        size, fps = (stream.width, stream.height), float(stream.average_rate or 0)
    return Header(*size, fps, frames, seconds)


def decode(path: Path) -> Iterator[np.ndarray]:
    """Every frame, uint8 [h, w, 3]."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")
