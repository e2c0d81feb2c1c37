"""A random tiny model and a few rows for the tests of the real frameworks: nothing here is meant to be learnt."""

from pathlib import Path

from PIL import Image

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220), "yellow": (230, 220, 40)}
QUESTION = "Which colour is shown?\nA. red\nB. green\nC. blue\nD. yellow"


def build_model(out: Path) -> None:
    from firsthand.toy.models import build

    words = "think answer </think> <answer> </answer> system user assistant " + QUESTION
    build("qwen3_vl", out, [words] * 4)


def write_rows(out: Path, count: int, kind: str = "image") -> Path:
    """A veRL parquet of `count` questions about one image each, or about a frame list sampled at 2 frames a second.

    The media lie beside the parquet, which is therefore the media root.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for index in range(count):
        letter, colour = "ABCD"[index % 4], list(COLOURS)[index % 4]
        frames = []
        for number in range(4 if kind == "video" else 1):
            frame = out / f"{kind}_{index}_{number}.png"
            Image.new("RGB", (64, 64), COLOURS[colour]).save(frame)
            frames.append(frame.name)
        video = {"video": frames, "sample_fps": 2.0, "raw_fps": 2.0}
        rows.append({
            "data_source": "tiny_random",
            "prompt": [{"role": "user", "content": f"<{kind}>{QUESTION}"}],
            "images": frames if kind == "image" else [],
            "videos": [video] if kind == "video" else [],
            "reward_model": {"style": "rule", "ground_truth": letter},
            "extra_info": {"index": index, "letters": "ABCD"},
        })  # fmt: skip
    path = out / f"{kind}.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path
