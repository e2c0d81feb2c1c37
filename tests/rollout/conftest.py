"""One random model and one folder of frames for all tests of this folder."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from firsthand.toy import base_model, models

SIZES = {"frame": (128, 96), "odd": (100, 70), "large": (1280, 720)}  # width, height


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("model") / "qwen3_vl"
    models.build("qwen3_vl", out, base_model.corpus([]))
    return out


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """frame0.png ... frame4.png, and so on for every size: lossless, no two alike."""
    root, rng = tmp_path_factory.mktemp("media"), np.random.default_rng(0)
    for name, (width, height) in SIZES.items():
        for number in range(5):
            pixels = rng.integers(0, 255, (height // 10, width // 10, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((width, height)).save(root / f"{name}{number}.png")
    return root
