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
    turns_of,
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
    tags = dataset.tags
    roles = {said: role for tag, role in ROLES.items() if (said := tags[tag])}
    keys = (tags["role_tag"] or "", tags["content_tag"] or "")
    found = turns_of(row, dataset.columns["messages"] or "", roles, keys)
    return [Turn(role, text_of(content, where)) for role, content, where in found]


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
