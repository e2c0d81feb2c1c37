"""Rows that end with the model's turn to speak: prompts of veRL, and questions of `firsthand eval`."""

from typing import Any

from firsthand.data.read.sample import (
    Role,
    Row,
    Sample,
    Turn,
    Unreadable,
    Video,
    images_of,
    name_of,
    shown,
    text_of,
    turns_of,
    videos_of,
)

ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
KEYS = ("role", "content")


def read_verl(row: Row) -> Sample:
    reward, extra = row.get("reward_model"), row.get("extra_info") or {}
    if not row.get("data_source"):
        raise Unreadable("no `data_source`; veRL stops without it")
    if not isinstance(reward, dict) or reward.get("ground_truth") in (None, ""):
        raise Unreadable("no `reward_model.ground_truth`: no answer could be rewarded")
    if not isinstance(extra, dict):
        raise Unreadable(f"`extra_info` is {shown(extra)}, not an object")
    return Sample(
        "verl",
        [Turn(role, text_of(content, where)) for role, content, where in turns_of(row, "prompt", ROLES, KEYS)],
        list(images_of(row.get("images"), "images")),
        list(videos_of(row.get("videos"), "videos")),
        id=name_of(row),
        index=extra.get("index"),
        letters=_letters(extra),
        answer=str(reward["ground_truth"]),
    )


def read_eval(row: Row) -> Sample:
    if not row.get("id"):
        raise Unreadable("no `id`; answers are matched to questions by it")
    sample = Sample("eval", [], id=str(row["id"]), letters=_letters(row), answer=row.get("answer"))
    for role, content, where in turns_of(row, "messages", ROLES, KEYS):
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        sample.turns.append(Turn(role, "".join(_part(part, sample, where) for part in parts)))
    return sample


def _part(part: Any, sample: Sample, where: str) -> str:
    """The text of a content part, its media added to the sample."""
    type_ = part.get("type") if isinstance(part, dict) else None
    if type_ == "text":
        return text_of(part.get("text"), where)
    if type_ == "image":
        sample.images += images_of([part.get("image")], "image")
        return "<image>"
    if type_ == "video":
        [video] = videos_of([part.get("video")], "video")
        fps = part.get("fps")
        if video.frames and (not isinstance(fps, int | float) or fps <= 0):
            raise Unreadable(f"a video in {where} has no true rate: fps is {shown(fps)}")
        if video.file and fps is not None:
            raise Unreadable(f"a video file in {where} has an fps; `firsthand eval ask --recipe` samples it")
        sample.videos.append(Video(video.frames, video.file, fps))
        return "<video>"
    raise Unreadable(f"{where} holds {shown(part)}, which is not a text, image or video part")


def _letters(row: Row) -> str | None:
    if isinstance(row.get("letters"), str):
        return row["letters"] or None  # a question without options has none
    options = row.get("options")
    return "".join(options) if isinstance(options, dict) else None
