"""A row as its reader understands it; the reader is LLaMA-Factory, veRL or `firsthand eval`.

The rules look at samples only. What cannot be understood at all is a problem of the kind `form`, and no rule sees it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from firsthand.data.read.rows import Broken
from firsthand.findings import ROW_RULES

FORM = ROW_RULES["form"]

Form = Literal["llamafactory", "verl", "eval"]
Role = Literal["system", "user", "assistant", "tool", "call"]  # a call is an assistant's turn that is JSON
Row = dict[str, Any]


CHAT = ("role", "content")  # keys of a turn


class Turn(NamedTuple):
    role: Role
    text: str  # with `<image>`, `<video>` and `<audio>` where media stand


@dataclass(frozen=True)
class Video:
    """A file, or frames that were sampled already at `fps` (None: the recipe says it)."""

    frames: list[str] | None = None
    file: str | None = None
    fps: float | None = None

    @property
    def paths(self) -> list[str]:
        return self.frames if self.frames is not None else [self.file or ""]


@dataclass
class Sample:
    form: Form
    turns: list[Turn]
    images: list[str | bytes] = field(default_factory=list)
    videos: list[Video] = field(default_factory=list)
    tools: list[Any] | None = None
    id: str | None = None
    index: int | None = None  # veRL's extra_info.index
    letters: str | None = None  # of the options, where the row names them
    answer: str | None = None  # where the row names it outside its turns
    ranking: bool = False  # pairs of answers: the turns end with the user's

    @property
    def digest(self) -> bytes:
        """Equal for two rows that ask the same about the same media."""
        asked = [turn for turn in self.turns if turn.role == "user"]
        return hashlib.blake2b(repr((asked, self.images, self.videos)).encode(), digest_size=8).digest()


class Unreadable(ValueError):
    """Why a row is not a sample."""


def whole(row: Any) -> Row:
    """The row, if its file holds one in this place."""
    if isinstance(row, Broken):
        raise Unreadable(row.why)
    if not isinstance(row, dict):
        raise Unreadable(f"the row is not a JSON object but {type(row).__name__}")
    return row


def turns_of(
    row: Row, column: str, roles: Mapping[str, Role], keys: tuple[str, str] = CHAT
) -> list[tuple[Role, Any, str]]:
    """Role and content of every turn in a column, and what to call the content where it is wrong."""
    if column not in row:
        raise Unreadable(f"no column `{column}`; the row has {', '.join(row) or 'no columns'}")
    if not isinstance(row[column], list) or not row[column]:
        raise Unreadable(f"`{column}` is {shown(row[column])}, not a list of turns")
    found = []
    for number, turn in enumerate(row[column], 1):
        if not isinstance(turn, dict):
            raise Unreadable(f"turn {number} is {shown(turn)}, not an object")
        if not turn.keys() >= {*keys}:
            raise Unreadable(f"turn {number} has the keys {', '.join(turn)}, not `{keys[0]}` and `{keys[1]}`")
        said, content = (turn[key] for key in keys)
        if str(said) not in roles:
            raise Unreadable(f"turn {number}: unknown role {shown(said)}; known: {', '.join(roles)}")
        found.append((roles[said], content, f"the content of turn {number}"))
    return found


def images_of(value: Any, column: str) -> list[str | bytes]:
    images: list[str | bytes] = []
    for item in listed(value, column):
        if isinstance(item, dict):
            item = item.get("image") or item.get("bytes") or item.get("path")
        if not isinstance(item, str | bytes) or not item:
            raise Unreadable(f"`{column}` holds {shown(item)}, not a path")
        images.append(item.removeprefix("file://") if isinstance(item, str) else item)
    return images


def videos_of(value: Any, column: str) -> list[Video]:
    videos = []
    for item in listed(value, column):
        fps = None
        if isinstance(item, dict):
            fps, item = item.get("raw_fps"), item.get("video") or item.get("path")
        if isinstance(item, str) and item:
            videos.append(Video(file=item.removeprefix("file://")))
        elif isinstance(item, list) and item and all(isinstance(frame, str) and frame for frame in item):
            videos.append(Video(frames=item, fps=fps))
        else:
            raise Unreadable(f"`{column}` holds {shown(item)}, neither a path nor a list of frames")
    return videos


def listed(value: Any, column: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise Unreadable(f"`{column}` is {shown(value)}, not a list; its length would be counted in letters")
    return value


def text_of(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise Unreadable(f"{where} is {shown(value)}, not text")
    return value


def tools_of(value: Any) -> list[Any] | None:
    """A column of text: LLaMA-Factory calls `json.loads` on it, and a list would stop the run."""
    if not value:
        return None
    text = text_of(value, "`tools`")
    try:
        tools = json.loads(text)
    except ValueError as error:
        raise Unreadable(f"`tools` is not valid JSON ({error})") from None
    tools = tools if isinstance(tools, list) else [tools]
    if not all(isinstance(tool, dict) for tool in tools):
        raise Unreadable("`tools` holds something that is not an object")
    return [tool if tool.get("type") == "function" else {"type": "function", "function": tool} for tool in tools]


def layers(row: Row) -> tuple[Row, Row]:
    """The columns of a row, and what veRL keeps in its `extra_info`."""
    inner = row.get("extra_info")
    return row, inner if isinstance(inner, dict) else {}


def name_of(row: Row) -> str | None:
    """The identity of a question, under any of its usual names."""
    keys = ("id", "question_id", "ID", "problem_id")
    found = (layer[key] for layer in layers(row) for key in keys if layer.get(key) not in (None, ""))
    return next(map(str, found), None)


def shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
