"""A random tiny model and a few questions about coloured squares: nothing here is meant to be learnt."""

from pathlib import Path

import pytest
from PIL import Image

COLOURS = {"A": (220, 30, 30), "B": (30, 200, 30), "C": (30, 30, 220), "D": (230, 220, 40)}
QUESTION = "Which colour is shown?\nA. red\nB. green\nC. blue\nD. yellow"


@pytest.fixture(scope="session")
def on_cpu() -> None:
    """What trains with veRL on the CPU platform, which is nobody's choice where there is an accelerator."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("verl")
    if torch.accelerator.current_accelerator() is not None:
        pytest.skip("for machines without an accelerator")


@pytest.fixture(scope="session")
def random_model(tmp_path_factory) -> Path:
    from firsthand.toy.models import build

    out = tmp_path_factory.mktemp("random_model")
    build("qwen3_vl", out, ["think answer </think> <answer> </answer> system user assistant " + QUESTION] * 4)
    return out


@pytest.fixture(scope="session")
def colour_rows(tmp_path_factory) -> Path:
    """A veRL parquet of 16 rows, every other one with a frame list for its image; the media lie beside it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    out, rows = tmp_path_factory.mktemp("colours"), []
    for index in range(16):
        kind, letter = ("image", "video")[index % 2], "ABCD"[index // 2 % 4]
        frames = [f"{index}_{number}.png" for number in range(4 if kind == "video" else 1)]
        for frame in frames:
            Image.new("RGB", (64, 64), COLOURS[letter]).save(out / frame)
        rows.append({
            "data_source": "colours",
            "prompt": [{"role": "user", "content": f"<{kind}>{QUESTION}"}],
            "images": frames if kind == "image" else [],
            "videos": [{"video": frames, "sample_fps": 2.0, "raw_fps": 2.0}] if kind == "video" else [],
            "reward_model": {"style": "rule", "ground_truth": letter},
            "extra_info": {"index": index, "letters": "ABCD"},
        })  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), out / "rows.parquet")
    return out / "rows.parquet"
