"""Videos made by PyAV whose frames say their own number, and odd ones as cameras and broken downloads make them."""

import struct
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

WIDTH, HEIGHT = 96, 64
BITS = 8  # the number of a frame is written in its lower part, as black and white columns
CORNER = (200, 30, 40)  # the upper left


class Videos:
    """A folder of videos."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def make(
        self,
        name: str,
        times: Iterable[float],
        codec: str = "libx264",
        layout: str = "yuv420p",
        colorspace: int | None = None,
        header_first: bool = False,
        **options: str,
    ) -> Path:
        """A video whose frame i is on show from times[i] on."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = {"movflags": "faststart"} if header_first else {}
        with av.open(str(path), "w", container_options=flags) as container:
            stream = container.add_stream(codec, rate=20, options={"preset": "ultrafast", "threads": "1", **options})
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, layout
            stream.codec_context.time_base, stream.codec_context.gop_size = Fraction(1, 1000), 40
            if colorspace:
                stream.codec_context.colorspace = colorspace
            for number, time in enumerate(times):
                frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
                wide = "JPEG" if layout.startswith("yuvj") else None
                frame = frame.reformat(format=layout, dst_colorspace=colorspace, dst_color_range=wide)
                frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    def make_sound(self, name: str) -> Path:
        with av.open(str(self.folder / name), "w") as container:
            stream = container.add_stream("aac", rate=16000)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 16000
            container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return self.folder / name

    @staticmethod
    def cut(path: Path, share: float) -> Path:
        """What an interrupted download leaves."""
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
        return path

    @staticmethod
    def turn(path: Path, degrees: int) -> Path:
        """Ask players to turn the video clockwise, as phones do: by the matrix in the header of its track."""
        one = 1 << 16
        a, b, c, d = {90: (0, one, -one, 0), 180: (-one, 0, 0, -one), 270: (0, -one, one, 0)}[degrees]
        content = bytearray(path.read_bytes())
        at = content.index(b"tkhd") + 44  # past the name, version and flags, times and ids, layer and volume
        content[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
        path.write_bytes(content)
        return path


def picture(number: int) -> np.ndarray:
    pixels = np.full((HEIGHT, WIDTH, 3), 110, np.uint8)
    for bit in range(BITS):
        pixels[24:, bit * 12 : bit * 12 + 12] = 230 if number >> bit & 1 else 20
    pixels[:24, :32] = CORNER
    return pixels


@pytest.fixture
def videos(tmp_path: Path) -> Videos:
    return Videos(tmp_path / "videos")


@pytest.fixture(scope="session")
def make_videos():
    """Videos(folder), for fixtures that live longer than a test."""
    return Videos


@pytest.fixture(scope="session")
def number_of():
    """The number that a frame shows."""

    def read(pixels: np.ndarray) -> int:
        columns = pixels[32:, :, 1].reshape(-1, BITS, WIDTH // BITS)[:, :, 3:-3].mean((0, 2))
        assert ((columns < 70) | (columns > 180)).all(), columns
        return sum(int(column > 125) << bit for bit, column in enumerate(columns))

    return read
