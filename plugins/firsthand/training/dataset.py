"""veRL's dataset for rows that name their media by path relative to a root, with the pixel budget in the recipe:

    data.custom_cls: {path: pkg://firsthand.training.dataset, name: MediaDataset}
    data.media: {root: datasets/toy, image: {max_pixels: 262144}, video: {max_pixels: 65536, fps: 2.0, max_frames: 16}}

A parquet then holds neither bytes nor absolute paths, and can move with its folder. A path that leads out of the root
is an error. Media are read by firsthand.media.reading: a budget means what `image_max_pixels` or `video_max_pixels`
means to LLaMA-Factory, per image or per frame, and the processor sees the same pixels and times as in fine-tuning. A
video is a list of frames with its rate, or a file; for a file `fps` and `max_frames` mean `video_fps` and
`video_maxlen`. `min_frames` shows more frames of a short file than `fps` would, the same ones again where it has fewer.
"""

from pathlib import Path
from typing import Any

from verl.utils.dataset.rl_dataset import RLHFDataset

from firsthand.errors import UserError
from firsthand.media.limits import FPS, MAX_FRAMES
from firsthand.media.paths import inside
from firsthand.media.reading import read_image, read_video, read_video_file


class MediaDataset(RLHFDataset):
    def _build_messages(self, example, key):
        root, row = self.config.media.root, dict(example)
        id = (example.get("extra_info") or {}).get("id")

        def whole(path: str) -> str:
            return str(inside(root, path))

        def of_video(path: str | list[str]) -> dict[str, Any]:
            return {"video": whole(path), "row": id} if isinstance(path, str) else {"video": [*map(whole, path)]}

        try:
            row[self.image_key] = [{"image": whole(path)} for path in example.get(self.image_key) or []]
            row[self.video_key] = [video | of_video(video["video"]) for video in example.get(self.video_key) or []]
        except UserError as error:
            raise UserError(f"row {id}: {error}") from None
        return super()._build_messages(row, key)

    @classmethod
    def _process_multi_modal_info(cls, messages, image_patch_size, config):
        """Images, videos and audios of the messages, including those that an agent loop has added."""
        budget = config.media
        parts = [part for message in messages if not isinstance(message["content"], str) for part in message["content"]]
        images = [read_image(part["image"], **budget.image) for part in parts if part["type"] == "image"]
        videos = [_read(part, **budget.video) for part in parts if part["type"] == "video"]
        return images or None, videos or None, cls._extract_audio_info(messages)


def _read(
    part: dict[str, Any], fps: float = FPS, max_frames: int = MAX_FRAMES, min_frames: int = 1, **budget: int
) -> tuple[Any, dict[str, Any]]:
    """A list of frames has its own rate; a file is sampled at the rate of the recipe."""
    if not isinstance(part["video"], str):
        return read_video(part["video"], part["raw_fps"], **budget)
    try:
        count = {"max_frames": max_frames, "min_frames": min_frames}
        return read_video_file(Path(part["video"]), fps=fps, **count, **budget)
    except UserError as error:
        raise UserError(f"row {part['row']}: {error}") from None
