"""What may stand in a tools YAML. Unknown keys are errors that name the right one; keys of APIs are never in it."""

import difflib
import math
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from firsthand.errors import UserError
from firsthand.files import read_yaml
from firsthand.llm.price import Price
from firsthand.tools.cassettes import Mode

Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Oracle(Strict):
    kind: Literal["oracle"]
    root: Path  # the folder of a toy week


class Remote(Strict):
    model: str
    key_env: list[str] = []  # environment variables that hold keys, one or several each
    per_minute: float = Field(math.inf, gt=0)  # calls per minute and key, all processes together
    burst: int = Field(8, ge=1)  # calls that may come at once
    concurrency: int | None = Field(None, ge=1)  # tool calls at a time, all processes together; the others wait
    max_tokens: int = Field(512, ge=1)
    price: Price = Price()


class OpenAI(Remote):
    kind: Literal["openai"]
    base_url: str  # http://127.0.0.1:8000/v1


class Gemini(Remote):
    kind: Literal["gemini"]
    key_env: list[str] = ["GEMINI_API_KEY"]
    base_url: str | None = None


def service(backend: OpenAI | Gemini) -> str:
    """The name under which its calls are counted."""
    return backend.base_url or backend.kind


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


class NoSettings(Strict):
    """A tool without settings."""


class Tools(Strict):
    """The tools of an environment; `catalogue` adds one field per tool."""

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
    tools: Any  # name -> settings, or None; `catalogue` gives the field its type
    cassettes: Recordings = Recordings()
    limits: Limits = Limits()
    state: Path = Path("outputs/tools")  # what processes share: the counts of rate limits

    @property
    def counts(self) -> Path:
        return self.state / "limits.sqlite"


def read_as(model: type[Model], path: Path | str) -> Model:
    """A YAML file of settings, of tools or of whatever uses them."""
    try:
        return model.model_validate(read_yaml(path))
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        raise UserError("\n".join(f"{path}: {_problem(problem)}" for problem in problems)) from None


def _problem(problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"] if part not in ("oracle", "openai", "gemini", "scripted"))
    if problem["type"] != "extra_forbidden":
        return f"{where or 'the file'}: {problem['msg']}"
    key = str(problem["loc"][-1])
    if "key" in key.lower():
        return f"{where}: keys are read from the environment only; name the variables under `key_env`"
    near = difflib.get_close_matches(key, _every_key(Strict), 1)
    return f"{where}: unknown key{f'; did you mean {near[0]!r}?' if near else ''}"


def _every_key(model: type[BaseModel]) -> list[str]:
    return [*model.model_fields, *(key for child in model.__subclasses__() for key in _every_key(child))]
