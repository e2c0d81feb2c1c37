"""What a recipe says about the rows it will read: budgets, the longest row, the media root and the model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firsthand.errors import UserError
from firsthand.media.limits import CUTOFF, FPS, IMAGE, MAX_FRAMES, VIDEO, Limits
from firsthand.recipe import hydra_chain, load
from firsthand.recipe.values import number


@dataclass(frozen=True)
class Recipe:
    limits: Limits
    root: Path | None
    dataset_dir: Path
    model: str | None


def read(path: Path) -> Recipe:
    document = load(path)
    if document.kind == "verl":
        return _verl(hydra_chain.follow(document))
    if document.kind == "llamafactory train":
        return _llamafactory(document.data)
    raise UserError(f"{path}: a recipe of `llamafactory-cli train` or of veRL is needed, this is: {document.kind}")


def _llamafactory(values: dict[str, Any]) -> Recipe:
    def at(key: str, default: int) -> int:
        return int(number(values.get(key)) or default)

    folder = values.get("dataset_dir", "data")
    limits = Limits(
        image=(at("image_min_pixels", IMAGE[0]), at("image_max_pixels", IMAGE[1])),
        video=(at("video_min_pixels", VIDEO[0]), at("video_max_pixels", VIDEO[1])),
        video_fps=number(values.get("video_fps")) or FPS,
        video_maxlen=at("video_maxlen", MAX_FRAMES),
        tokens=at("cutoff_len", CUTOFF),
        key="cutoff_len",
        workers=at("preprocessing_num_workers", 1),
        batch=at("preprocessing_batch_size", Limits.batch),
    )
    return Recipe(limits, Path(values.get("media_dir", folder)), Path(folder), values.get("model_name_or_path"))


def _verl(chain: hydra_chain.Chain) -> Recipe:
    def budget(kind: str, default: tuple[int, int]) -> tuple[int, int]:
        low, high = (number(chain.get(f"data.media.{kind}.{end}_pixels")) for end in ("min", "max"))
        return int(low or default[0]), int(high or default[1])

    limits = Limits(
        image=budget("image", IMAGE),
        video=budget("video", VIDEO),
        video_fps=number(chain.get("data.media.video.fps")) or FPS,
        video_maxlen=int(number(chain.get("data.media.video.max_frames")) or MAX_FRAMES),
        tokens=int(number(chain.get("data.max_prompt_length")) or 1024),
        key="data.max_prompt_length",
    )
    root, model = chain.get("data.media.root"), chain.get("actor_rollout_ref.model.path")
    return Recipe(limits, Path(root) if root else None, Path(), model)
