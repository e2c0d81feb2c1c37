"""One trajectory, whether training wrote it (`training/telemetry.Rollout`) or the runner of episodes.

What the page shows of it goes two ways: facts to filter and sort by into the index, which every page loads, and the
conversation into a chunk, which is loaded when somebody looks at it.
"""

import json
from math import isfinite
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ValidationError, model_validator

from firsthand import clock
from firsthand.errors import UserError


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not isfinite(value) else value


def _text(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


Number = Annotated[float | None, BeforeValidator(_finite)]
Text = Annotated[str | None, BeforeValidator(_text)]


class Turn(BaseModel):
    text: str
    action: str
    tokens: int = 0
    tool: str | None = None
    arguments: dict[str, Any] | None = None
    status: str | None = None
    observation: str | None = None
    spans: list[tuple[float, float]] = []
    images: list[float] = []
    seconds: float = 0.0
    tool_seconds: float = 0.0
    cost: float = 0.0
    invented: bool = False

    def as_json(self) -> dict[str, Any]:
        """For the browser: arguments as pairs of words, since a key that a model chose is no key of an object."""
        said = {
            "action": self.action,
            "text": self.text,
            "tool": self.tool,
            "arguments": [[name, _text(value)] for name, value in (self.arguments or {}).items()],
            "status": self.status,
            "observation": self.observation,
            "brought": len(self.images),
            "spans": [clock.stamp(a) if a == b else clock.format_range(a, b) for a, b in self.spans],
            "seconds": round(self.seconds, 3),
            "waited": round(self.tool_seconds, 4),
            "tokens": self.tokens,
            "cost": self.cost,
        }
        return {key: value for key, value in said.items() if value not in (None, [], 0)}


class Trace(BaseModel):
    turns: list[Turn]
    stop: str
    letter: str | None = None
    seconds: float = 0.0
    faults: int = 0


class Trajectory(BaseModel):
    id: str
    trace: Trace | None  # None: this run has no conversations, its rewards are all that is known
    step: int | None = None
    key: str = ""  # training: {question}_{session}_{index}
    score: Number = None
    parts: dict[str, Number] = {}
    correct: bool | None = None
    question: str = ""
    options: dict[str, str] = {}
    answer: Text = None
    letter: str | None = None
    identity: str | None = None
    query_time: Text = None
    target_time: Text = None
    sample: int = 0  # episodes: which of several tries at a question
    label: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, row: dict[str, Any]) -> dict[str, Any]:
        """Training writes the facts of the row apart, and its id may be unknown."""
        facts = {name: value for name, value in (row.get("facts") or {}).items() if value is not None}
        given = {name: value for name, value in row.items() if value is not None or name == "trace"}
        return {"id": given.get("key"), **facts, **given}

    @property
    def right(self) -> bool | None:
        if self.correct is None and (accuracy := self.parts.get("accuracy")) is not None:
            return accuracy > 0.5
        return self.correct

    @property
    def group(self) -> str:
        """What the tries at one question share."""
        return self.key.rsplit("_", 2)[0] or self.id.removesuffix(f"#{self.sample}")

    @property
    def turns(self) -> list[Turn]:
        return self.trace.turns if self.trace else []

    def as_json(self) -> dict[str, Any]:
        trace = self.trace
        said = {
            "options": list(self.options.items()),
            "answer": self.answer,
            "letter": self.letter or (trace.letter if trace else None),
            "asked": self.query_time,
            "target": self.target_time,
            "key": self.key,
            "parts": list(self.parts.items()),
            "traced": trace is not None,
            "turns": [turn.as_json() for turn in self.turns],
        }
        return {key: value for key, value in said.items() if value not in (None, [], "")}


def read(where: str, row: dict[str, Any]) -> Trajectory:
    if "trace" not in row:
        raise UserError(
            f"{where}: no trajectory: it has no `trace`; name a folder of a training run, or a JSONL of episodes"
        )
    try:
        return Trajectory.model_validate(row)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise UserError(
            f"{where}: {'.'.join(map(str, first['loc']))}: {first['msg']}; is it of this version?"
        ) from None
