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
    videos_of,
)

ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}


def read_verl(row: Row) -> Sample:
    reward, extra = row.get("reward_model"), row.get("extra_info") or {}
    if not row.get("data_source"):
        raise Unreadable("no `data_source`; veRL stops without it")
    if not isinstance(reward, dict) or reward.get("ground_truth") in (None, ""):
        raise Unreadable("no `reward_model.ground_truth`: no answer could be rewarded")
    if not isinstance(extra, dict):
        raise Unreadable(f"`extra_info` is {shown(extra)}, not an object")
    turns = []
    for role, content, number in _messages(row, "prompt"):
        turns.append(Turn(role, text_of(content, f"the content of turn {number}")))
    return Sample(
        "verl",
        turns,
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
    for role, content, number in _messages(row, "messages"):
        if not isinstance(content, list):
            sample.turns.append(Turn(role, text_of(content, f"the content of turn {number}")))
            continue
        sample.turns.append(Turn(role, "".join(_part(part, sample, number) for part in content)))
    return sample


def _part(part: Any, sample: Sample, number: int) -> str:
    """The text of a content part, its media added to the sample."""
    type_ = part.get("type") if isinstance(part, dict) else None
    if type_ == "text":
        return text_of(part.get("text"), f"a text of turn {number}")
    if type_ == "image":
        sample.images += images_of([part.get("image")], "image")
        return "<image>"
    if type_ == "video":
        [video] = videos_of([part.get("video")], "video")
        fps = part.get("fps")
        if video.frames and (not isinstance(fps, int | float) or fps <= 0):
            raise Unreadable(f"a video of turn {number} has no true rate: fps is {shown(fps)}")
        if video.file and fps is not None:
            raise Unreadable(f"a video file of turn {number} has an fps; `firsthand eval ask --recipe` samples it")
        sample.videos.append(Video(video.frames, video.file, fps))
        return "<video>"
    raise Unreadable(f"turn {number} holds {shown(part)}, which is no text, image or video part")


def _messages(row: Row, column: str) -> list[tuple[Role, Any, int]]:
    if column not in row:
        raise Unreadable(f"no column `{column}`; the row has {', '.join(row) or 'none'}")
    messages = row[column]
    if not isinstance(messages, list) or not messages:
        raise Unreadable(f"`{column}` is {shown(messages)}, not a list of messages")
    found = []
    for number, message in enumerate(messages, 1):
        if not isinstance(message, dict) or not {"role", "content"} <= set(message):
            raise Unreadable(f"turn {number} is {shown(message)}, without `role` and `content`")
        if str(message["role"]) not in ROLES:
            raise Unreadable(f"turn {number}: unknown role {shown(message['role'])}; known: {', '.join(ROLES)}")
        found.append((ROLES[message["role"]], message["content"], number))
    return found


def _letters(row: Row) -> str | None:
    if isinstance(row.get("letters"), str):
        return row["letters"] or None  # a question without options has none
    options = row.get("options")
    return "".join(options) if isinstance(options, dict) else None
