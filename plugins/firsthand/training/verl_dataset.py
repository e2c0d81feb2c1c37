"""veRL's dataset for rows that name their media by path relative to a root, with the pixel budget in the recipe:

    data.custom_cls: {path: pkg://firsthand.training.verl_dataset, name: MediaDataset}
    data.media: {root: datasets/toy, image: {max_pixels: 262144}, video: {max_pixels: 65536}}

A parquet then holds neither bytes nor absolute paths, and moves with its folder. A path that leads out of the root is
an error. Media are read by firsthand.rollout.media: a budget means what `image_max_pixels` or `video_max_pixels` means
to LLaMA-Factory, per image or per frame, and the processor sees the same pixels and times as in fine-tuning.
"""

from verl.utils.dataset.rl_dataset import RLHFDataset

from firsthand.media.paths import inside
from firsthand.rollout.media import read_image, read_video


class MediaDataset(RLHFDataset):
    def _build_messages(self, example, key):
        root, row = self.config.media.root, dict(example)
        row[self.image_key] = [{"image": str(inside(root, path))} for path in example.get(self.image_key) or []]
        row[self.video_key] = [
            {**video, "video": [str(inside(root, path)) for path in video["video"]]}
            for video in example.get(self.video_key) or []
        ]
        return super()._build_messages(row, key)

    @classmethod
    def _process_multi_modal_info(cls, messages, image_patch_size, config):
        """Images, videos and audios of the messages, also of those that an agent loop has added."""
        budget = config.media
        parts = [part for message in messages if not isinstance(message["content"], str) for part in message["content"]]
        images = [read_image(part["image"], **budget.image) for part in parts if part["type"] == "image"]
        videos = [
            read_video(part["video"], part["raw_fps"], **budget.video) for part in parts if part["type"] == "video"
        ]
        return images or None, videos or None, cls._extract_audio_info(messages)
