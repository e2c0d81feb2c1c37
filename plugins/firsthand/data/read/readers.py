"""The rows of the three readers: LLaMA-Factory's (ShareGPT turns under the tags of their entry, alpaca columns), and
two that end with the model's turn to speak: prompts of veRL, and questions of `firsthand eval`."""

from typing import Any

from firsthand.data.read import sample
from firsthand.data.read.sample import Role, Row, Sample, Turn, Unreadable, Video, shown, text_of
from firsthand.recipe.dataset_registry import Dataset

TAGS: dict[str, Role] = {
    "user_tag": "user",
    "assistant_tag": "assistant",
    "observation_tag": "tool",
    "function_tag": "call",
    "system_tag": "system",
}
ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}


def read_llamafactory(row: Row, dataset: Dataset) -> Sample:
    columns = dataset.columns
    for name in ("images", "videos", "audios", "system", "tools", "history"):
        if row.get(name) and name not in columns.values():
            raise Unreadable(f"`{name}` is not in the entry's `columns`, so it never reaches the model")
    found = {name: row.get(columns[name] or "") for name in ("system", "audios", "images", "videos", "tools")}
    turns = _alpaca(row, columns) if dataset.formatting == "alpaca" else _sharegpt(row, dataset)
    if found["system"] and turns and turns[0].role != "system":
        turns.insert(0, Turn("system", text_of(found["system"], "`system`")))
    if found["audios"]:
        raise Unreadable("`audios` holds sound, which the models of these recipes do not hear")
    return Sample(
        "llamafactory",
        turns,
        sample.images_of(found["images"], columns["images"] or "images"),
        sample.videos_of(found["videos"], columns["videos"] or "videos"),
        tools=sample.tools_of(found["tools"]),
        id=sample.name_of(row),
        ranking=bool(dataset.entry.get("ranking")),
    )


def _sharegpt(row: Row, dataset: Dataset) -> list[Turn]:
    tags = dataset.tags
    roles = {said: role for tag, role in TAGS.items() if (said := tags[tag])}
    keys = (tags["role_tag"] or "", tags["content_tag"] or "")
    found = sample.turns_of(row, dataset.columns["messages"] or "", roles, keys)
    return [Turn(role, text_of(content, where)) for role, content, where in found]


def _alpaca(row: Row, columns: dict[str, str | None]) -> list[Turn]:
    prompt, query, response, history = (columns[key] or "" for key in ("prompt", "query", "response", "history"))
    if missing := [name for name in (prompt, response) if name not in row]:
        raise Unreadable(f"no column `{missing[0]}`; the row has {', '.join(row) or 'no columns'}")
    turns = []
    for pair in row.get(history) or []:
        if not isinstance(pair, list) or len(pair) != 2:
            raise Unreadable(f"`{history}` holds {shown(pair)}, not a question and its answer")
        turns += [Turn("user", text_of(pair[0], "history")), Turn("assistant", text_of(pair[1], "history"))]
    asked = [text_of(row[key], f"`{key}`") for key in (prompt, query) if row.get(key)]
    return [*turns, Turn("user", "\n".join(asked)), Turn("assistant", text_of(row[response], f"`{response}`"))]


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
        [Turn(role, text_of(content, where)) for role, content, where in sample.turns_of(row, "prompt", ROLES)],
        sample.images_of(row.get("images"), "images"),
        sample.videos_of(row.get("videos"), "videos"),
        id=sample.name_of(row),
        index=extra.get("index"),
        letters=_letters(extra),
        answer=str(reward["ground_truth"]),
    )


def read_eval(row: Row) -> Sample:
    if not row.get("id"):
        raise Unreadable("no `id`; answers are matched to questions by it")
    answer = None if row.get("answer") is None else text_of(row["answer"], "`answer`")
    made = Sample("eval", [], id=str(row["id"]), letters=_letters(row), answer=answer)
    for role, content, where in sample.turns_of(row, "messages", ROLES):
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        made.turns.append(Turn(role, "".join(_part(part, made, where) for part in parts)))
    return made


def _part(part: Any, made: Sample, where: str) -> str:
    """The text of a content part, its media added to the sample."""
    type_ = part.get("type") if isinstance(part, dict) else None
    if type_ == "text":
        return text_of(part.get("text"), where)
    if type_ == "image":
        made.images += sample.images_of([part.get("image")], "image")
        return "<image>"
    if type_ == "video":
        [video] = sample.videos_of([part.get("video")], "video")
        fps = part.get("fps")
        if video.frames and (not isinstance(fps, int | float) or fps <= 0):
            raise Unreadable(f"a video in {where} has no true rate: fps is {shown(fps)}")
        if video.file and fps is not None:
            raise Unreadable(f"a video file in {where} has an fps; `firsthand eval ask --recipe` samples it")
        made.videos.append(Video(video.frames, video.file, fps))
        return "<video>"
    raise Unreadable(f"{where} holds {shown(part)}, which is not a text, image or video part")


def _letters(row: Row) -> str | None:
    if isinstance(row.get("letters"), str):
        return row["letters"] or None  # a question without options has none
    options = row.get("options")
    return "".join(options) if isinstance(options, dict) else None
