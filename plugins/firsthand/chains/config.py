"""The keys of a `recipes/*/teach.yaml`. Unknown keys are errors that name the right one. The key of an API is never in
the file."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from firsthand.llm.price import Price
from firsthand.rollout.loop_file import Turns
from firsthand.rollout.turn_text import Dialect
from firsthand.tools.protocol import Budget
from firsthand.tools.settings import Strict


class Sampling(Strict):
    """A null is not sent: some models need `max_completion_tokens` instead, and no temperature."""

    temperature: float | None = Field(default=1.0, ge=0)
    top_p: float | None = Field(default=1.0, gt=0, le=1)
    max_tokens: int | None = Field(default=1024, ge=1)  # of one turn
    max_completion_tokens: int | None = Field(default=None, ge=1)
    seed: int = 0  # for the first sample of a question; the next sample has the next seed


class Server(Strict):
    """A model behind an OpenAI-compatible server."""

    kind: Literal["openai"]
    server: str  # http://127.0.0.1:8000/v1
    model: str
    key_env: str | None = None  # the environment variable that holds the key
    functions: bool = True  # calls in the API's own form; False: the model writes `dialect`, like the agents we train
    dialect: Dialect = "ego_r1"
    sampling: Sampling = Sampling()
    price: Price | None = None  # US dollars per million tokens; without it costs are unknown
    retries: int = Field(default=6, ge=0, le=100)  # after connection faults, 429 and 5xx
    timeout: float = Field(default=300.0, gt=0)

    @property
    def agent(self) -> dict[str, Any]:
        """What `AgentSettings` says of it."""
        dialect, sampling = "native" if self.functions else self.dialect, self.sampling.model_dump(exclude_none=True)
        return {"model": self.model, "dialect": dialect, "sampling": sampling, "functions": self.functions}


class Scripted(Strict):
    """A Python object that is called with each `rollout.episodes.Task` and gives a `rollout.agent.Policy`."""

    kind: Literal["scripted"]
    factory: str  # path/to/file.py:name or package.module:name
    dialect: Dialect = "ego_r1"

    @property
    def agent(self) -> dict[str, Any]:
        return {"model": self.factory, "dialect": self.dialect}


Teacher = Annotated[Server | Scripted, Field(discriminator="kind")]


class TeacherTurns(Turns):
    turns: int = Field(default=20, gt=0)  # the answer included
    seconds: float = Field(default=900.0, gt=0)


class Config(Strict):
    questions: Path  # an eval.jsonl, or the .parquet that veRL learns from
    tools: Path  # a tools YAML
    use: list[str] | None = None  # the names of the tools to use; null: all
    out: Path
    teacher: Teacher
    limits: TeacherTurns = TeacherTurns()
    budget: Budget = Budget()  # for one call; write the budget of the agent loop that will train the student
    samples: int = Field(default=1, ge=1, le=1000)  # chains per question
    concurrency: int = Field(default=8, ge=1)  # questions at the same time
