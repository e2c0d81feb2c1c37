"""One random model of a kind, and one folder of frames and video files for all tests of this folder."""

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from firsthand.toy.tiny_models import base_model, models

sys.path.insert(0, str(Path(__file__).parent))  # for trajectories.py and released.py
SIZES = {"frame": (128, 96), "odd": (100, 70), "large": (1280, 720)}  # width, height


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """kind -> a random tiny model."""

    @cache
    def made(kind: str) -> Path:
        out = tmp_path_factory.mktemp("model") / kind
        models.build(kind, out, base_model.corpus([]))
        return out

    return made


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """frame0.png ... frame4.png, and so on for every size: lossless, no two alike. frame.mp4 and so on: 4 s and odd."""
    root, rng = tmp_path_factory.mktemp("media"), np.random.default_rng(0)
    for name, (width, height) in SIZES.items():
        for number in range(5):
            pixels = rng.integers(0, 255, (height // 10, width // 10, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((width, height)).save(root / f"{name}{number}.png")
        with av.open(str(root / f"{name}.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=20, options={"preset": "ultrafast", "bf": "2"})
            stream.width, stream.height = width, height
            for number in range(80):
                grey = np.full((height, width, 3), 3 * number, dtype=np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
            container.mux(stream.encode())
    return root
