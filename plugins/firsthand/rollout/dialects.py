"""How the two dialects of an agent differ: where tools are described, how a turn ends, which role brings the result.

`ego_r1` is the dialect of Ego-R1's released agents: tools are described in the system prompt, the result of a call
comes as a user turn, and a turn ends with its tag. `native` is what Qwen's chat template and vLLM's parsers know: the
template describes the tools and wraps results, and a turn ends with the end-of-turn token.
"""

import json
from typing import Any

from firsthand.rollout.turn_text import Dialect

Message = dict[str, Any]

as_json = json.JSONEncoder(ensure_ascii=False).encode


def chat_tools(dialect: Dialect, schemas: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """The `tools` argument of the chat template."""
    return schemas if dialect == "native" else None


def stop_strings(dialect: Dialect) -> list[str]:
    return ["</tool>", "</answer>"] if dialect == "ego_r1" else []


def until_stop(text: str, dialect: Dialect) -> str:
    """What a server returns that stops there: the last token may hold more than the end of a stop string."""
    ends = [text.index(stop) + len(stop) for stop in stop_strings(dialect) if stop in text]
    return text[: min(ends, default=len(text))]


def observation(text: str, dialect: Dialect) -> Message:
    """What the environment says; the tools have already removed tags and role headers from `text`."""
    if dialect == "ego_r1":
        return {"role": "user", "content": f"<information>{text}</information>"}
    return {"role": "tool", "content": text}


def call(thought: str, name: str, arguments: Any, dialect: Dialect) -> str:
    """A turn that calls a tool; in the native dialect exactly what Qwen's chat template makes of a call."""
    body = as_json({"name": name, "arguments": arguments})
    if dialect == "ego_r1":
        return f"<think>{thought}</think> <tool>{body}</tool>"
    return f"<think>{thought}</think>\n<tool_call>\n{body}\n</tool_call>"
