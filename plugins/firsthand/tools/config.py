"""A tools YAML becomes a toolbox. Unknown keys are errors that name the right one; keys of APIs are never in it."""

import difflib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from firsthand.errors import UserError
from firsthand.tools import keys
from firsthand.tools.backends.base import Backend, Recorded
from firsthand.tools.backends.openai import OpenAIBackend, Price
from firsthand.tools.cassettes import Cassettes, Mode
from firsthand.tools.limits import Breaker, Guard, RateLimit
from firsthand.tools.protocol import Tool
from firsthand.tools.toolbox import Toolbox


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Oracle(Strict):
    kind: Literal["oracle"]
    root: Path  # of a toy week


class Remote(Strict):
    model: str
    key_env: list[str] = []  # environment variables that hold keys, one or several each
    per_minute: float = Field(math.inf, gt=0)  # calls a minute and key, of all processes together
    burst: int = Field(8, ge=1)  # calls that may come at once
    max_tokens: int = Field(512, ge=1)
    price: Price = Price()


class OpenAI(Remote):
    kind: Literal["openai"]
    base_url: str  # http://127.0.0.1:8000/v1


class Gemini(Remote):
    kind: Literal["gemini"]
    key_env: list[str] = ["GEMINI_API_KEY"]
    base_url: str | None = None


class Recordings(Strict):
    mode: Mode = "off"
    folder: Path = Path("outputs/cassettes")


class Embedding(Strict):
    model: str
    server: str | None = None


class Rerank(Strict):
    server: str
    model: str
    cache: Path = Path("outputs/tools/rerank.sqlite")
    depth: int = Field(10, ge=2)


class Memory(Strict):
    store: Path
    ranking: Literal["lexical", "dense", "hybrid"] = "lexical"
    synonyms: Path | None = None
    embedding: Embedding | None = None
    rerank: Rerank | None = None


class RagConfig(Strict):
    results: int = Field(1, ge=1, le=5)  # records in an answer; Ego-R1's server gives one


class VideoConfig(Strict):
    backend: str
    fps: float = Field(1.0, gt=0)
    max_frames: int = Field(64, ge=1)  # of ten minutes
    max_pixels: int = Field(448 * 448, ge=1024)


class VlmConfig(Strict):
    backend: str
    max_pixels: int = Field(1024 * 1024, ge=1024)


class Plain(Strict):
    """A tool without settings."""


class Tools(Strict):
    """The tools that are there, in the order in which a model reads about them."""

    rag: RagConfig | None = None
    video_llm: VideoConfig | None = None
    vlm: VlmConfig | None = None
    frames: Plain | None = None
    crop: Plain | None = None
    terminate: Plain | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _empty(cls, value: Any) -> Any:
        return {} if value is None else value  # `crop:` with nothing after it


class Limits(Strict):
    retries: int = Field(default=2, ge=0, le=10)
    backoff: float = Field(default=0.5, ge=0)  # seconds before the first retry
    breaker_faults: int = Field(default=5, ge=1)
    breaker_seconds: float = Field(default=30.0, ge=0)


class Config(Strict):
    memory: Memory | None = None
    video: Path | None = None  # a frame store, or a folder of them
    backends: dict[str, Annotated[Oracle | OpenAI | Gemini, Field(discriminator="kind")]] = {}
    tools: Tools
    cassettes: Recordings = Recordings()
    limits: Limits = Limits()
    state: Path = Path("outputs/tools")  # what processes share: the counts of rate limits


def load(path: Path | str) -> Toolbox:
    """Paths in the file are relative to the folder that the command runs in, as in all recipes."""
    keys.remember_environment()
    keys.redact_logs()
    config = read(path)
    try:
        tools = list(_tools(config))
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    limits = config.limits
    guards = {
        tool.name: Guard(limits.retries, limits.backoff, Breaker(limits.breaker_faults, limits.breaker_seconds))
        for tool in tools
    }
    return Toolbox(tools, guards)


def read(path: Path | str) -> Config:
    try:
        return Config.model_validate(yaml.safe_load(Path(path).read_text()))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML ({error})") from None
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        raise UserError("\n".join(f"{path}: {_problem(problem)}" for problem in problems)) from None


def _tools(config: Config) -> Iterator[Tool]:
    """Imports what the tools of this file need, and nothing else."""
    tools, backends = config.tools, _backends(config)

    def backend(name: str, tool: str) -> Backend:
        if name not in backends:
            known = ", ".join(backends) or "none"
            raise UserError(f"tools.{tool}.backend: there is no backend {name!r}; backends: {known}")
        return backends[name]

    if tools.rag:
        from firsthand.tools.rag import Rag

        yield Rag(_searcher(config), tools.rag.results)
    if tools.video_llm or tools.vlm or tools.frames or tools.crop:
        if config.video is None:
            raise UserError(
                "video: not set, but tools that see need a frame store; `firsthand media extract` makes one"
            )
        from firsthand.tools.environment import Environment
        from firsthand.tools.frames import Crop, Frames
        from firsthand.tools.video_llm import VideoLlm
        from firsthand.tools.vlm import Vlm

        environment = Environment(config.video)
        if video := tools.video_llm:
            settings = video.model_dump(exclude={"backend"})
            yield VideoLlm(environment, backend(video.backend, "video_llm"), **settings)
        if tools.vlm:
            yield Vlm(environment, backend(tools.vlm.backend, "vlm"), max_pixels=tools.vlm.max_pixels)
        if tools.frames:
            yield Frames(environment)
        if tools.crop:
            yield Crop(environment)
    if tools.terminate:
        from firsthand.tools.terminate import Terminate

        yield Terminate()


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


def _backends(config: Config) -> dict[str, Backend]:
    cassettes = Cassettes(config.cassettes.folder, config.cassettes.mode)
    backends: dict[str, Backend] = {}
    for name, settings in config.backends.items():
        if isinstance(settings, Oracle):
            from firsthand.tools.backends.oracle import OracleBackend

            backends[name] = OracleBackend(settings.root)
        else:
            backends[name] = Recorded(_remote(settings, config), cassettes)
    return backends


def _remote(settings: OpenAI | Gemini, config: Config) -> Backend:
    """Only where calls can be made are keys and clients needed."""
    replay = config.cassettes.mode == "replay"
    found = ("none",) if replay or not settings.key_env else keys.read(settings.key_env)
    limit = RateLimit(config.state / "limits.sqlite", settings.per_minute, settings.burst)
    pool = keys.KeyPool(settings.base_url or settings.kind, found, limit)
    if isinstance(settings, OpenAI):
        return OpenAIBackend(
            settings.base_url, settings.model, pool, max_tokens=settings.max_tokens, price=settings.price
        )
    from firsthand.tools.backends.gemini import GeminiBackend, require_client

    if not replay:
        require_client()
    return GeminiBackend(
        settings.model, pool, max_tokens=settings.max_tokens, price=settings.price, base_url=settings.base_url
    )


def _problem(problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"] if part not in ("oracle", "openai", "gemini"))
    if problem["type"] != "extra_forbidden":
        return f"{where or 'the file'}: {problem['msg']}"
    key = str(problem["loc"][-1])
    if "key" in key.lower():
        return f"{where}: keys are read from the environment only; name the variables under `key_env`"
    near = difflib.get_close_matches(key, _every_key(Strict), 1)
    return f"{where}: unknown key{f'; did you mean {near[0]!r}?' if near else ''}"


def _every_key(model: type[BaseModel]) -> list[str]:
    return [*model.model_fields, *(key for child in model.__subclasses__() for key in _every_key(child))]
