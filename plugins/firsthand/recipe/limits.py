"""What a recipe says about the rows it will read: budgets, the longest row, the media root and the model."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from firsthand.errors import UserError
from firsthand.media.limits import CUTOFF, FPS, IMAGE, MAX_FRAMES, VIDEO, Limits
from firsthand.recipe import hydra_chain, load, model_names
from firsthand.recipe.values import number
from firsthand.recipe.yaml_lines import Document

PROMPT = 1024  # tokens, where veRL's own config is not there to say it
Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class Recipe:
    limits: Limits
    root: Path | None
    dataset_dir: Path
    model: str | None


def read(path: Path) -> Recipe:
    document = load(path)
    if document.kind == "verl":
        return of_verl(hydra_chain.follow(document))
    if document.kind in ("llamafactory train", "llamafactory chat"):
        return of_llamafactory(document)
    raise UserError(f"{path}: a recipe of `llamafactory-cli train` or of veRL is needed, this is: {document.kind}")


def of_llamafactory(document: Document) -> Recipe:
    values, at = document.data, _Numbers(document.path, document.data.get)
    limits = Limits(
        image=at.budget("image_{}_pixels", IMAGE),
        video=at.budget("video_{}_pixels", VIDEO),
        video_fps=at("video_fps", FPS),
        video_maxlen=at("video_maxlen", MAX_FRAMES),
        tokens=at("cutoff_len", CUTOFF),
        key="cutoff_len",
        workers=at("preprocessing_num_workers", 1),
        batch=at("preprocessing_batch_size", Limits.batch),
    )
    folder = values.get("dataset_dir", "data")
    root, folder = (value if isinstance(value, str) else "" for value in (values.get("media_dir") or folder, folder))
    return Recipe(limits, Path(root), Path(folder), values.get("model_name_or_path"))


def of_verl(chain: hydra_chain.Chain) -> Recipe:
    root, model = chain.get("data.media.root"), chain.get("actor_rollout_ref.model.path")
    at = _Numbers(chain.recipe.path, chain.get)
    image, video = (IMAGE, VIDEO) if chain.get("data.media") else _of_its_own(model)
    limits = Limits(
        image=at.budget("data.media.image.{}_pixels", image),
        video=at.budget("data.media.video.{}_pixels", video),
        video_fps=at("data.media.video.fps", FPS),
        video_maxlen=at("data.media.video.max_frames", MAX_FRAMES),
        video_minlen=at("data.media.video.min_frames", 1),
        tokens=at("data.max_prompt_length", PROMPT),
        key="data.max_prompt_length",
    )
    if limits.video_minlen > limits.video_maxlen:
        least, most = limits.video_minlen, limits.video_maxlen
        raise UserError(f"{chain.recipe.path}: data.media.video: min_frames {least} is more than max_frames {most}")
    return Recipe(limits, Path(root) if isinstance(root, str) else None, Path(), model)


def _of_its_own(model: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """The budgets of qwen-vl-utils, with which veRL's own data set reads: from 4 to 16384 tokens, from 128 to 768."""
    family = model_names.family(model)
    token = (2 * family[1] if family else 28) ** 2
    return (4 * token, 16384 * token), (128 * token, 768 * token)


@dataclass(frozen=True)
class _Numbers:
    """The numbers of a recipe; another kind of value is an error that names its key."""

    path: Path
    get: Callable[[str], Any]

    def __call__(self, key: str, default: Number, zero: bool = False) -> Number:
        value, kind = self.get(key), type(default)
        if value is None:
            return default
        found = number(value)
        if found is None or kind(found) != found or found < 0 or not (found or zero):
            noun = "integer" if kind is int else "number"
            raise UserError(f"{self.path}: {key}: {value!r} is not a positive {noun}")
        return kind(found)

    def budget(self, key: str, default: tuple[int, int]) -> tuple[int, int]:
        return self(key.format("min"), default[0], zero=True), self(key.format("max"), default[1])
