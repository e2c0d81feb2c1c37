"""From decoded frames to pictures as a player shows them: turned upright, in the right colours, as JPEG.

JPEG files are full-range BT.601 to every reader, HD video is BT.709 of limited range, so planes are converted; PyAV's
own `to_image` takes all video for BT.601, which shifts the colours of HD video. The JPEG encoder is libav's, fed with
planes: a detour over RGB would double the cost.
"""

import io
from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from PIL import Image

from firsthand.media.budget import shrunk

_QUALITY = {"qmin": "2", "qmax": "2"}  # ffmpeg's -q:v 2: no visible loss


def rgb(frame: av.VideoFrame) -> np.ndarray:
    """The frame upright, uint8 [h, w, 3]."""
    return np.rot90(_converted(frame, "rgb24").to_ndarray(), round(frame.rotation / 90) % 4)


class JpegEncoder:
    """For a run of frames; a frame of a new size starts a new encoder of libav."""

    def __init__(self, max_pixels: int | None = None):
        self._max_pixels = max_pixels
        self._codec: av.VideoCodecContext | None = None
        self._count = 0  # libav wants rising times, even for single pictures

    def encode(self, frame: av.VideoFrame) -> bytes:
        if frame.rotation:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb(frame)), format="rgb24")
        planes = _converted(frame, "yuvj420p", *shrunk(frame.width, frame.height, self._max_pixels))
        if self._codec is None or (self._codec.width, self._codec.height) != (planes.width, planes.height):
            self._codec = _codec(planes.width, planes.height)
        self._count += 1
        planes.pts, planes.time_base = self._count, self._codec.time_base
        [packet] = self._codec.encode(planes)
        return bytes(packet)


def shrink(jpeg: bytes, max_pixels: int | None) -> bytes:
    """A JPEG file with at most `max_pixels`; the same bytes when it is small enough."""
    with Image.open(io.BytesIO(jpeg)) as image:
        size = shrunk(image.width, image.height, max_pixels)
        if size == image.size:
            return jpeg
        image.draft("RGB", size)
        buffer = io.BytesIO()
        image.convert("RGB").resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _converted(frame: av.VideoFrame, layout: str, width: int | None = None, height: int | None = None) -> av.VideoFrame:
    return frame.reformat(
        width,
        height,
        format=layout,
        src_colorspace=frame.colorspace,
        src_color_range=frame.color_range,
        dst_colorspace=Colorspace.ITU601,
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.AREA,
    )


def _codec(width: int, height: int) -> av.VideoCodecContext:
    codec = av.CodecContext.create("mjpeg", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = width, height, "yuvj420p"
    codec.time_base, codec.options, codec.thread_count = Fraction(1, 1), _QUALITY, 1
    return codec
