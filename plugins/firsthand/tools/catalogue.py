"""Every tool by its name. A new tool is a module beside this one, the text that describes it, and its name below.

The module declares `Settings` (what its entry in a tools YAML may hold), `open_tool(shared, settings)`, `GIVES_IMAGES`
(its answers put pictures into the conversation) and `NAME_IS_A_WORD` (an ordinary word, so a text that uses it need not
mean the tool).
"""

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import create_model

from firsthand.tools.settings import Config, Tools, read_as

NAMES = ("rag", "video_llm", "vlm", "frames", "crop", "terminate")  # in the order in which a model reads about them


def module(name: str) -> Any:
    return import_module(f"firsthand.tools.{name}")


def image_tools() -> set[str]:
    return {name for name in NAMES if module(name).GIVES_IMAGES}


def names_that_are_words() -> set[str]:
    return {name for name in NAMES if module(name).NAME_IS_A_WORD}


def read(path: Path | str) -> Config:
    """A tools YAML."""
    return read_as(_config_class(), path)


@cache
def _config_class() -> type[Config]:
    fields: dict[str, Any] = {name: (module(name).Settings | None, None) for name in NAMES}
    tools = create_model("Tools", __base__=Tools, **fields)
    return create_model("Config", __base__=Config, tools=(tools, ...))
