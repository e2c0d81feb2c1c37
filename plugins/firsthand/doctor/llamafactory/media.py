"""Images and frame lists of the first rows: are they there, are they counted right, do they fit into cutoff_len?"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from firsthand.doctor.media_size import Ruler
from firsthand.findings import Finding, rule
from firsthand.media.limits import CUTOFF, IMAGE, VIDEO
from firsthand.recipe import llamafactory_facts, model_names
from firsthand.recipe.dataset_registry import Dataset
from firsthand.recipe.values import number
from firsthand.recipe.yaml_lines import Document

NO_MEDIA = rule(
    "LF026", "error", "media files are missing", "One warning for the whole run, then an error in the middle of it."
)
MISCOUNTED = rule(
    "LF027", "error", "placeholders and media differ in number", "LLaMA-Factory stops at the first such row."
)
TOO_SHORT = rule(
    "LF030",
    "error",
    "cutoff_len is too small for the media",
    "Image tokens are cut off, and the model stops on `image features and image tokens do not match`.",
)
FRAME_RATE = rule(
    "LF032",
    "warning",
    "frame lists without video_fps",
    "Qwen3-VL writes frame i as second i / video_fps into the prompt; the default of 2.0 is a guess about your frames.",
)

DEFAULTS = {"image_max_pixels": IMAGE[1], "video_max_pixels": VIDEO[1], "cutoff_len": CUTOFF}


def check(document: Document, dataset: Dataset, rows: list[dict[str, Any]]) -> Iterator[Finding]:
    images, videos = (dataset.columns[key] for key in ("images", "videos"))
    root = document.data.get("media_dir") or document.data.get("dataset_dir", "data")
    folder = Path(root) if isinstance(root, str) else Path()
    frame_lists = any(isinstance(video, list) for row in rows for video in _list(row, videos))
    if frame_lists and "video_fps" not in document.data:
        fix = "write `video_fps:` with the rate at which the frames were sampled"
        yield FRAME_RATE.at(document.place("dataset"), f"`{dataset.name}` holds frame lists", fix)
    yield from _counts(dataset, rows, {"<image>": images, "<video>": videos})
    lost = sorted({name for row in rows for name in _files(row, images, videos) if not _exists(folder, name)})
    if lost:
        message = f"{len(lost)} files of the first {len(rows)} rows are not under {folder} (first: {lost[0]})"
        place = document.place("media_dir") if "media_dir" in document.data else document.place("dataset_dir")
        yield NO_MEDIA.at(place, message, "write `media_dir:` with the folder that the rows' paths start from")
    yield from _length(document, dataset, rows, folder)


def _list(row: dict[str, Any], column: str | None) -> list[Any]:
    value = row.get(column) if column else None
    return value if isinstance(value, list) else [value] if isinstance(value, str) else []


def _files(row: dict[str, Any], *columns: str | None) -> Iterator[str]:
    for column in columns:
        for item in _list(row, column):
            yield from (name for name in (item if isinstance(item, list) else [item]) if isinstance(name, str))


def _exists(folder: Path, name: str) -> bool:
    try:
        return (folder / name).is_file() or Path(name).is_file()
    except (OSError, ValueError):
        return False


def _texts(dataset: Dataset, row: dict[str, Any]) -> str:
    if dataset.formatting == "alpaca":
        values = [row.get(dataset.columns[key] or "") for key in ("prompt", "query", "response")]
    else:
        turns = row.get(dataset.columns["messages"] or "")
        tag = dataset.tags["content_tag"]
        values = [turn.get(tag) for turn in turns if isinstance(turn, dict)] if isinstance(turns, list) else []
    return "\n".join(value for value in values if isinstance(value, str))


def _counts(dataset: Dataset, rows: list[dict[str, Any]], placeholders: dict[str, str | None]) -> Iterator[Finding]:
    for mark, column in placeholders.items():
        wrong = [
            (index, written, held)
            for index, row in enumerate(rows, 1)
            if (written := _texts(dataset, row).count(mark)) != (held := len(_list(row, column)))
        ]
        if wrong:
            index, written, held = wrong[0]
            where = f"in `{column}`" if column else "in no column"
            message = f"row {index} writes {written} {mark} for {held} {where} ({len(wrong)} such rows)"
            yield MISCOUNTED.at(dataset.place("file_name"), message, f"write one {mark} for each, in a list")


def _length(document: Document, dataset: Dataset, rows: list[dict[str, Any]], folder: Path) -> Iterator[Finding]:
    template = llamafactory_facts.templates().get(str(document.data.get("template")))
    family = model_names.family(document.data.get("model_name_or_path"))
    side = {"qwen3_vl": 32, "qwen2_vl": 28}.get(template.plugin if template else "", family[1] * 2 if family else 0)
    if not side:
        return
    limits = {key: max(1.0, number(document.data.get(key)) or default) for key, default in DEFAULTS.items()}
    ruler = Ruler(folder, side)
    images, videos = dataset.columns["images"], dataset.columns["videos"]
    worst, where = 0, 0
    for index, row in enumerate(rows, 1):
        tokens = sum(ruler.tokens(name, limits["image_max_pixels"]) for name in _files(row, images))
        for video in _list(row, videos):
            frames = [name for name in video if isinstance(name, str)] if isinstance(video, list) else []
            largest = max((ruler.tokens(name, limits["video_max_pixels"]) for name in frames), default=0)
            tokens += math.ceil(len(frames) / 2) * largest  # two frames share their tokens
        if tokens > worst:
            worst, where = tokens, index
    if worst >= limits["cutoff_len"]:
        message = f"the media of row {where} alone need {worst} tokens, cutoff_len is {limits['cutoff_len']:.0f}"
        fix = f"write `cutoff_len: {2 ** math.ceil(math.log2(worst + 512))}`, or lower the pixel limits"
        yield TOO_SHORT.at(document.place("cutoff_len"), message, fix)
