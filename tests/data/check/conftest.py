"""Two random models, one folder of media of many sizes, and rows in the forms of the three readers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from firsthand.data.check import token_count
from firsthand.data.read import data_file
from firsthand.data.read.data_file import Source
from firsthand.media.limits import Limits
from firsthand.toy.tiny_models import base_model, models

SIZES = {
    "photo": (128, 96),
    "odd": (101, 67),
    "large": (1280, 720),
    "tall": (60, 900),
    "small": (33, 30),
    "wide": (2000, 40),
}


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """photo0.png ... photo4.png, and so on for every size, and a clip of 45 frames at 15 a second."""
    root, rng = tmp_path_factory.mktemp("media"), np.random.default_rng(0)
    for name, (width, height) in SIZES.items():
        for number in range(5):
            pixels = rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC).save(root / f"{name}{number}.png")
    write_clip(root / "clip.mp4", 45, 15)
    return root


def write_clip(path: Path, frames: int, fps: int) -> None:
    import av

    rng = np.random.default_rng(1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for _ in range(frames):
            pixels = np.kron(rng.integers(0, 255, (12, 16, 3), dtype=np.uint8), np.ones((10, 10, 1), dtype=np.uint8))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


@pytest.fixture(scope="session", params=["qwen3_vl", "qwen2_5_vl"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("model") / request.param
    models.build(request.param, out, base_model.corpus([]))
    return out


@pytest.fixture(scope="session")
def counter(model: Path) -> token_count.Counter:
    return token_count.Counter(str(model))


Find = Callable[..., Source]


@pytest.fixture
def find(tmp_path: Path, media: Path) -> Find:
    """Rows written to a file, or the text of one, as a source."""

    def made(rows: list[Any] | str, name: str = "rows.json", root: Path = media, **limits: Any) -> Source:
        file = tmp_path / name
        if name.endswith(".parquet"):
            import pyarrow as pa
            import pyarrow.parquet as parquet

            parquet.write_table(pa.Table.from_pylist(rows), file)
        elif isinstance(rows, str):
            file.write_text(rows)
        elif name.endswith(".jsonl"):
            file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        else:
            file.write_text(json.dumps(rows))
        return data_file.find(str(file), tmp_path, root, Limits(**limits))

    return made


QUESTION = "which thing do i hold ?\nA. the cup\nB. the book"


def trained(user: str = QUESTION, reply: str = "<answer>A</answer>", **columns: Any) -> dict[str, Any]:
    """A row of LLaMA-Factory."""
    turns = [{"role": "user", "content": user}, {"role": "assistant", "content": reply}]
    return {"messages": turns, "images": [], "videos": []} | columns


def prompted(user: str = QUESTION, truth: str = "A", index: int = 0, **columns: Any) -> dict[str, Any]:
    """A row of veRL."""
    return {
        "data_source": "test",
        "prompt": [{"role": "user", "content": user}],
        "images": [],
        "videos": [],
        "reward_model": {"style": "rule", "ground_truth": truth},
        "extra_info": {"index": index, "letters": "AB"},
    } | columns


def asked(*parts: dict[str, Any], id: str = "q", answer: str = "A", **columns: Any) -> dict[str, Any]:
    """A row of `firsthand eval`."""
    content = [*parts, {"type": "text", "text": QUESTION}]
    row = {"id": id, "answer": answer, "letters": "AB", "messages": [{"role": "user", "content": content}]}
    return row | columns
