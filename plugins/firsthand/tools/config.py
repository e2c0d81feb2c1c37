"""A tools YAML becomes a toolbox, with what its tools need and nothing else."""

from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

from firsthand.errors import UserError
from firsthand.llm import keys
from firsthand.tools.catalogue import NAMES, module, read
from firsthand.tools.limits import Breaker, Guard, Places
from firsthand.tools.protocol import Tool
from firsthand.tools.settings import Config, Gemini, OpenAI, service
from firsthand.tools.shared import Shared
from firsthand.tools.toolbox import Toolbox


def load(path: Path | str, only: Collection[str] | None = None) -> Toolbox:
    """Paths in the file are relative to the folder that the command runs in, as in all recipes. `only` these tools."""
    keys.remember_environment()
    keys.redact_logs()
    config = read(path)
    try:
        tools = list(_tools(config))
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    if only is not None:
        if missing := set(only) - {tool.name for tool in tools}:
            raise UserError(f"{path}: has no tool {', '.join(sorted(missing))}")
        tools = [tool for tool in tools if tool.name in only]
    return Toolbox(tools, {tool.name: _guard(config, tool.name) for tool in tools})


@cache
def toolbox_of(path: str) -> Toolbox:
    """One toolbox per process: its tools share limits, breakers, cassettes and open stores."""
    return load(path)


def _guard(config: Config, tool: str) -> Guard:
    limits = config.limits
    breaker = Breaker(limits.breaker_faults, limits.breaker_seconds)
    return Guard(limits.retries, limits.backoff, breaker, places=_places(config, tool))


def _places(config: Config, tool: str) -> Places | None:
    """Those of the service that the tool asks; a recording needs none."""
    asked = config.backends.get(getattr(getattr(config.tools, tool), "backend", ""))
    if not isinstance(asked, OpenAI | Gemini) or asked.concurrency is None or config.cassettes.mode == "replay":
        return None
    return Places(config.counts, service(asked), asked.concurrency)


def _tools(config: Config) -> Iterator[Tool]:
    shared = Shared(config)
    for name in NAMES:
        if (settings := getattr(config.tools, name)) is not None:
            yield module(name).open_tool(shared, settings)
