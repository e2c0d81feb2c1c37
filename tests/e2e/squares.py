"""Twelve questions about a square that moves, for veRL and LLaMA-Factory: about lists of frames, about video files."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from firsthand import files
from firsthand.question import Question
from firsthand.rollout.prompt import response, sharegpt_row, verl_row


def drawn(seed: int) -> np.ndarray:
    """Five frames."""
    frames = np.full((5, 64, 64, 3), 60 + 10 * seed, np.uint8)
    for number, frame in enumerate(frames):
        frame[20:40, 10 * number : 10 * number + 14] = (250, 40 * number, 20 * seed)
    return frames


def build(out: Path) -> Path:
    """Writes frames.parquet and file.parquet with their media, and the same for fine-tuning: frames.json, file.json."""
    import av
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    taught: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for seed in range(12):
        frames, names = drawn(seed), [f"{seed}_{number}.png" for number in range(5)]
        for name, frame in zip(names, frames, strict=True):
            Image.fromarray(frame).save(out / name)
        with av.open(str(out / f"{seed}.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=2)
            stream.width = stream.height = 64
            stream.pix_fmt = "yuv420p"
            for frame in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
            container.mux(stream.encode())
        for kind, media in {"frames": {"video": names, "fps": 2.0}, "file": {"video_file": f"{seed}.mp4"}}.items():
            question = Question(
                id=f"q{seed}", question="what do i do ?", options=dict(zip("ABCD", ("a", "b", "c", "d"), strict=True)),
                answer="B", data_source="squares", split="train", label=("order", "scene")[seed % 2], **media,
            )  # fmt: skip
            rows[kind].append(verl_row(question, seed))
            taught[kind].append(sharegpt_row(question, response("it moves .", "B")))
    for kind, written in rows.items():
        pq.write_table(pa.Table.from_pylist(written), out / f"{kind}.parquet")
    for kind, made in taught.items():
        files.write_json(out / f"{kind}.json", made)
    return out
