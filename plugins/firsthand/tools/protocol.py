"""What a tool is, what it gets, and how every call ends.

A model chooses a tool and its arguments; everything else comes from the row that is being answered. So a `Context` is
never built from model output, and arguments can only narrow it: another person's week, or a moment after the question
was asked, is out of reach whatever a model writes.

A tool may fail in any way it likes. `toolbox.Toolbox.call` is the only caller, and turns whatever happens into one of
five typed outcomes, because each asks for something else: the model gets a correction for `user_error` and
`blocked_by_time`, while `timeout` and `infra_error` are not caused by the model and must never become a reward of 0.
"""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, with_config

Status = Literal["ok", "user_error", "blocked_by_time", "timeout", "infra_error"]
FAULTS: tuple[Status, ...] = ("timeout", "infra_error")  # not caused by the model


@with_config(ConfigDict(extra="forbid"))  # when it is read from a file
@dataclass(frozen=True)
class Budget:
    """How much one call may take, and how much it may bring back."""

    seconds: Annotated[float, Field(gt=0)] = 60.0  # deadline of the whole call, retries included
    tokens: Annotated[int, Field(gt=0)] = 1024  # of text, as `text.count_tokens` estimates them
    images: Annotated[int, Field(ge=0)] = 8
    pixels: Annotated[int, Field(gt=0)] = 512 * 512  # of each image


@dataclass(frozen=True)
class Context:
    """The row's own facts."""

    source: str  # whose week, or which video: A1_JAKE, or a video id
    query_time: float | None  # seconds of `clock`; nothing that ends later may be seen. None: the whole video may
    media_root: str | None = None  # a folder inside the environment's own root; None: that root
    budget: Budget = Budget()


@dataclass(frozen=True)
class Image:
    jpeg: bytes
    moment: float  # seconds of `clock`


@dataclass(frozen=True)
class Outcome:
    status: Status
    text: str  # what the model reads
    images: tuple[Image, ...] = ()
    spans: tuple[tuple[float, float], ...] = ()  # of `clock`: what the answer rests on, for evidence rewards and audits
    data: dict[str, Any] = field(default_factory=dict)  # the answer in the form of its HTTP route, if it has one
    seconds: float = 0.0
    cost: float = 0.0  # US dollars
    tries: int = 1
    replayed: bool = False  # came from a cassette

    @property
    def is_fault(self) -> bool:
        """Not caused by the model: a rollout with such a call is masked or replaced, not punished."""
        return self.status in FAULTS


class WrongArguments(Exception):
    """The model's mistake; the message is the correction it reads."""


class BlockedByTime(Exception):
    """The model asked for what lies after the query time; the message is the correction it reads."""


class Tool(Protocol):
    """`arguments` is both the schema that the model is shown and the check of what it writes."""

    name: str
    description: str

    @property
    def arguments(self) -> type[BaseModel]: ...

    async def run(self, arguments: Any, context: Context) -> Outcome:
        """An `ok` outcome, or one of the exceptions above or of `llm.faults`; `arguments` is valid."""
        ...


def schema(tool: Tool) -> dict[str, Any]:
    """The OpenAI function schema: shown to models, listed by MCP, written into veRL's tool file."""
    parameters = tool.arguments.model_json_schema()
    parameters.pop("title", None)
    for field_schema in parameters.get("properties", {}).values():
        field_schema.pop("title", None)
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": parameters},
    }
