"""A tools YAML becomes a toolbox, with what its tools need and nothing else."""

from collections.abc import Callable, Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from firsthand.errors import UserError
from firsthand.tools import keys
from firsthand.tools.backends.base import Backend, Recorded
from firsthand.tools.cassettes import Cassettes
from firsthand.tools.limits import Breaker, Guard, RateLimit
from firsthand.tools.protocol import Tool
from firsthand.tools.settings import Config, Gemini, OpenAI, Oracle, read
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
    limits = config.limits
    guards = {
        tool.name: Guard(limits.retries, limits.backoff, Breaker(limits.breaker_faults, limits.breaker_seconds))
        for tool in tools
    }
    return Toolbox(tools, guards)


@cache
def toolbox_of(path: str) -> Toolbox:
    """One toolbox per process: its tools share limits, breakers, cassettes and open stores."""
    return load(path)


def _tools(config: Config) -> Iterator[Tool]:
    tools = config.tools
    if tools.rag:
        from firsthand.tools.rag import Rag

        yield Rag(_searcher(config), tools.rag.results)
    if tools.video_llm or tools.vlm or tools.frames or tools.crop:
        yield from _seeing(config)
    if tools.terminate:
        from firsthand.tools.terminate import Terminate

        yield Terminate()


def _seeing(config: Config) -> Iterator[Tool]:
    from firsthand.tools.environment import Environment
    from firsthand.tools.frames import Crop, Frames
    from firsthand.tools.video_llm import VideoLlm
    from firsthand.tools.vlm import Vlm

    if config.video is None or not config.video.is_dir():
        what = "not set" if config.video is None else f"{config.video} is no folder"
        raise UserError(f"video: {what}, but tools that see need a frame store; `firsthand media extract` makes one")
    tools, environment, backend = config.tools, Environment(config.video), _backends(config)
    if video := tools.video_llm:
        settings = video.model_dump(exclude={"backend"})
        yield VideoLlm(environment, backend(video.backend), **settings)
    if tools.vlm:
        yield Vlm(environment, backend(tools.vlm.backend), max_pixels=tools.vlm.max_pixels)
    if tools.frames:
        yield Frames(environment)
    if tools.crop:
        yield Crop(environment)


def _searcher(config: Config) -> Any:
    from firsthand.memory.dense import open_embedder
    from firsthand.memory.rerank import Reranker
    from firsthand.memory.search import Searcher
    from firsthand.memory.store import Store

    if config.memory is None:
        raise UserError("memory: not set, but the tool rag needs one; `firsthand memory import` makes it")
    memory = config.memory
    embedder = open_embedder(**memory.embedding.model_dump()) if memory.embedding else None
    reranker = Reranker(**memory.rerank.model_dump()) if memory.rerank else None
    return Searcher(Store(memory.store), memory.ranking, synonyms=memory.synonyms, embedder=embedder, reranker=reranker)


def _backends(config: Config) -> Callable[[str], Backend]:
    """Backends by name, made when a tool asks for one: a key of one that is not used need not be there."""
    cassettes = Cassettes(config.cassettes.folder, config.cassettes.mode)

    @cache
    def backend(name: str) -> Backend:
        if name not in config.backends:
            raise UserError(f"there is no backend {name!r}; backends: {', '.join(config.backends) or 'none'}")
        settings = config.backends[name]
        if isinstance(settings, Oracle):
            from firsthand.tools.backends.oracle import OracleBackend

            return OracleBackend(settings.root)
        return Recorded(_remote(settings, config), cassettes)

    return backend


def _remote(settings: OpenAI | Gemini, config: Config) -> Backend:
    """Only where calls can be made are keys and clients needed."""
    replay = config.cassettes.mode == "replay"
    found = ("none",) if replay or not settings.key_env else keys.read(settings.key_env)
    limit = RateLimit(config.state / "limits.sqlite", settings.per_minute, settings.burst)
    pool = keys.KeyPool(settings.base_url or settings.kind, found, limit)
    if isinstance(settings, OpenAI):
        from firsthand.tools.backends.openai import OpenAIBackend

        return OpenAIBackend(
            settings.base_url, settings.model, pool, max_tokens=settings.max_tokens, price=settings.price
        )
    from firsthand.tools.backends.gemini import GeminiBackend, require_client

    if not replay:
        require_client()
    return GeminiBackend(
        settings.model, pool, max_tokens=settings.max_tokens, price=settings.price, base_url=settings.base_url
    )
