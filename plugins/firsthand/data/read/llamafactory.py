"""Rows of LLaMA-Factory: ShareGPT turns under the tags of their entry, and alpaca columns."""

from typing import Any

from firsthand.data.read.sample import (
    Role,
    Row,
    Sample,
    Turn,
    Unreadable,
    images_of,
    name_of,
    shown,
    text_of,
    tools_of,
    videos_of,
)
from firsthand.recipe.dataset_registry import Dataset

ROLES: dict[str, Role] = {
    "user_tag": "user",
    "assistant_tag": "assistant",
    "observation_tag": "tool",
    "function_tag": "call",
    "system_tag": "system",
}
MEDIA = ("images", "videos", "audios")


def read(row: Row, dataset: Dataset) -> Sample:
    columns = dataset.columns
    for name in (*MEDIA, "system", "tools", "history"):
        if row.get(name) and name not in columns.values():
            raise Unreadable(f"`{name}` is not in the entry's `columns`, so it never reaches the model")

    def column(name: str) -> Any:
        return row.get(columns[name] or "")

    turns = _alpaca(row, columns) if dataset.formatting == "alpaca" else _turns(row, dataset)
    if column("system") and turns and turns[0].role != "system":
        turns.insert(0, Turn("system", text_of(column("system"), "`system`")))
    if column("audios"):
        raise Unreadable("`audios` holds sound, which the models of these recipes do not hear")
    return Sample(
        "llamafactory",
        turns,
        list(images_of(column("images"), columns["images"] or "images")),
        list(videos_of(column("videos"), columns["videos"] or "videos")),
        tools=tools_of(column("tools")),
        id=name_of(row),
        ranking=bool(dataset.entry.get("ranking")),
    )


def _turns(row: Row, dataset: Dataset) -> list[Turn]:
    name, tags = dataset.columns["messages"] or "", dataset.tags
    if name not in row:
        raise Unreadable(f"no column `{name}`; the row has {', '.join(row) or 'none'}")
    if not isinstance(row[name], list) or not row[name]:
        raise Unreadable(f"`{name}` is {shown(row[name])}, not a list of turns")
    roles = {said: role for tag, role in ROLES.items() if (said := tags[tag])}
    role_tag, content_tag = tags["role_tag"] or "", tags["content_tag"] or ""
    turns = []
    for number, turn in enumerate(row[name], 1):
        if not isinstance(turn, dict):
            raise Unreadable(f"turn {number} is {shown(turn)}, not an object")
        if role_tag not in turn or content_tag not in turn:
            raise Unreadable(f"turn {number} has the keys {', '.join(turn)}, not `{role_tag}` and `{content_tag}`")
        role = roles.get(str(turn[role_tag]))
        if role is None:
            raise Unreadable(f"turn {number}: no tag for the role {shown(turn[role_tag])}; known: {', '.join(roles)}")
        turns.append(Turn(role, text_of(turn[content_tag], f"the content of turn {number}")))
    return turns


def _alpaca(row: Row, columns: dict[str, str | None]) -> list[Turn]:
    prompt, query, response, history = (columns[key] or "" for key in ("prompt", "query", "response", "history"))
    if prompt not in row or response not in row:
        missing = prompt if prompt not in row else response
        raise Unreadable(f"no column `{missing}`; the row has {', '.join(row) or 'none'}")
    turns = []
    for pair in row.get(history) or []:
        if not isinstance(pair, list) or len(pair) != 2:
            raise Unreadable(f"`{history}` holds {shown(pair)}, not a question and its answer")
        turns += [Turn("user", text_of(pair[0], "history")), Turn("assistant", text_of(pair[1], "history"))]
    asked = [text_of(row[key], f"`{key}`") for key in (prompt, query) if row.get(key)]
    return [*turns, Turn("user", "\n".join(asked)), Turn("assistant", text_of(row[response], f"`{response}`"))]
