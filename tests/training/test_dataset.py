"""Media of veRL's rows that are not there, or cannot be read, are told with the row that names them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.media.conftest import Videos

from firsthand.data.check.token_count import sampled
from firsthand.data.read.media_headers import Look
from firsthand.data.read.sample import Video
from firsthand.errors import UserError
from firsthand.media.limits import Limits
from firsthand.question import Question
from firsthand.recipe import limits
from firsthand.rollout.prompt import verl_row

pytest.importorskip("verl")


@pytest.fixture
def dataset(tmp_path: Path) -> Any:
    """Rows about the video files a.mp4 (not there), b.mp4 (no video) and one outside the root."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from omegaconf import OmegaConf

    from firsthand.training.dataset import MediaDataset

    (tmp_path / "media").mkdir()
    (tmp_path / "media/b.mp4").write_text("<html>404</html>")
    (tmp_path / "c.mp4").touch()
    names = {"a": "a.mp4", "b": "b.mp4", "c": "../c.mp4"}
    rows = [
        verl_row(Question(id=id, question="?", answer="1", video_file=name, data_source="x", split="train"), index)
        for index, (id, name) in enumerate(names.items())
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    media = {"root": str(tmp_path / "media"), "image": {}, "video": {"fps": 1.0, "max_frames": 4}}
    config = {"filter_overlong_prompts": False, "cache_dir": str(tmp_path / "cache"), "media": media}
    return MediaDataset(str(tmp_path / "rows.parquet"), None, OmegaConf.create(config), object())  # type: ignore[arg-type]


@pytest.mark.parametrize(("number", "why"), [(0, "row a: 'a.mp4': no such file"), (2, "row c: '../c.mp4': '..' may")])
def test_a_path_that_leads_nowhere(dataset, number: int, why: str) -> None:
    with pytest.raises(UserError, match=why):
        dataset[number]


def test_a_file_that_is_no_video(dataset) -> None:
    messages = dataset[1]["raw_prompt"]
    with pytest.raises(UserError, match=r"row b: .*b\.mp4: Invalid data"):
        asyncio.run(dataset.process_multi_modal_info(messages, 16, dataset.config))


def test_a_short_video_has_the_frames_that_the_recipe_asks_for(dataset, tmp_path: Path) -> None:
    """As many as `firsthand data check` counts for it."""
    path = Videos(tmp_path / "media").make("b.mp4", [number / 20 for number in range(60)])
    dataset.config.media.video = {"fps": 1.0, "min_frames": 8, "max_frames": 8}
    messages = dataset[1]["raw_prompt"]
    _, [(frames, facts)], _ = asyncio.run(dataset.process_multi_modal_info(messages, 16, dataset.config))
    look = Look(width=96, height=64, frames=60, seconds=3.0, fps=20.0)
    counted = sampled(Video(frames=None, file=path.name), [look], Limits(video_fps=1.0, video_maxlen=8, video_minlen=8))
    assert len(frames) == 8 and [number / 20 for number in facts["frames_indices"]] == pytest.approx(counted.indices)


def test_more_frames_at_least_than_at_most(tmp_path: Path) -> None:
    (path := tmp_path / "recipe.yaml").write_text(
        "actor_rollout_ref: {model: {path: x}}\ndata: {media: {root: x, video: {min_frames: 16, max_frames: 8}}}\n"
    )
    with pytest.raises(UserError, match=r"recipe\.yaml: data\.media\.video: min_frames 16 is more than max_frames 8"):
        limits.read(path)
