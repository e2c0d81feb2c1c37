"""An episode as the page shows it, whether training wrote it (`rollout/telemetry.Rollout`) or the runner of episodes.

Its facts, to filter and sort by, go into the index, which every page loads. Its conversation goes into a chunk, which
is loaded when the conversation is opened.
"""

import json
from math import isfinite
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ValidationError, model_validator

from firsthand import clock
from firsthand.errors import UserError, first_problem
from firsthand.rollout.telemetry import group_of
from firsthand.rollout.trace import Trace, Turn


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not isfinite(value) else value


def _text(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


Number = Annotated[float | None, BeforeValidator(_finite)]
Text = Annotated[str | None, BeforeValidator(_text)]


class Shown(BaseModel):
    id: str
    trace: Trace | None  # None: this run kept rewards, but no conversations
    step: int | None = None
    key: str = ""  # training only
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
        """Training writes the facts about the question under a key of their own, and the id may be unknown."""
        known = row.get("facts") or {}
        if not isinstance(known, dict):
            raise ValueError("`facts` is not an object")
        facts = {name: value for name, value in known.items() if value is not None}
        given = {name: value for name, value in row.items() if value is not None or name == "trace"}
        return {"id": given.get("key"), **facts, **given}

    @property
    def right(self) -> bool | None:
        if self.correct is None and (accuracy := self.parts.get("accuracy")) is not None:
            return accuracy > 0.5
        return self.correct

    @property
    def group(self) -> str:
        """What all tries at one question share."""
        return group_of(self.key) or self.id.removesuffix(f"#{self.sample}")

    @property
    def turns(self) -> list[Turn]:
        return self.trace.turns if self.trace else []

    def as_json(self) -> dict[str, Any]:
        trace = self.trace
        values = {
            "options": list(self.options.items()),
            "answer": self.answer,
            "letter": self.letter or (trace.letter if trace else None),
            "asked": self.query_time,
            "target": self.target_time,
            "key": self.key,
            "parts": list(self.parts.items()),
            "traced": trace is not None,
            "turns": [_turn(turn) for turn in self.turns],
        }
        return {key: value for key, value in values.items() if value not in (None, [], "")}


def _turn(turn: Turn) -> dict[str, Any]:
    """Arguments are pairs of strings: a key that a model chose must not become a key of an object in the browser."""
    values = {
        "action": turn.action,
        "text": turn.text,
        "tool": turn.tool,
        "arguments": [[name, _text(value)] for name, value in (turn.arguments or {}).items()],
        "status": turn.status,
        "observation": turn.observation,
        "brought": len(turn.images),
        "spans": [clock.stamp(a) if a == b else clock.format_range(a, b) for a, b in turn.spans],
        "seconds": round(turn.seconds, 3),
        "waited": round(turn.tool_seconds, 4),
        "tokens": turn.tokens,
        "cost": turn.cost,
    }
    return {key: value for key, value in values.items() if value not in (None, [], 0)}


def read(where: str, row: dict[str, Any]) -> Shown:
    if "trace" not in row:
        raise UserError(
            f"{where}: no trajectory: it has no `trace`; name a folder of a training run, or a JSONL of episodes"
        )
    try:
        return Shown.model_validate(row)
    except ValidationError as error:
        raise UserError(f"{where}: {first_problem(error)}; is it of this version?") from None
