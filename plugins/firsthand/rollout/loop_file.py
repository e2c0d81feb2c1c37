"""The one schema of an agent-loop file: what `training/agent_loop.py` runs with, and evaluation, chat and the doctor
read.

An agent is measured with the tools, the turns and the room for observations that it was trained with. Training and
evaluation read them from one file, so that they cannot drift apart.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, field_validator

from firsthand import files
from firsthand.errors import UserError, problems
from firsthand.rollout.agent import Limits
from firsthand.rollout.turn_text import Dialect
from firsthand.tools.protocol import Budget
from firsthand.tools.settings import Strict


class Turns(Strict):
    turns: int = Field(default=Limits.turns, gt=0)
    invalid: int = Field(default=Limits.invalid, gt=0)
    seconds: float = Field(default=Limits.seconds, gt=0)

    def limits(self, turns: int | None = None, seconds: float | None = None) -> Limits:
        """The limits of the file, unless a run asks for others."""
        return Limits(turns or self.turns, self.invalid, seconds or self.seconds)


class Loop(Turns):
    name: str = ""
    target: str = Field(default="", alias="_target_")
    toolbox: Path | None = None
    dialect: Dialect
    turn_tokens: int = Field(default=512, gt=0)  # limit of one model turn
    budget: Budget = Budget()

    @field_validator("budget", mode="before")
    @classmethod
    def _plain(cls, budget: Any) -> Any:
        """veRL hands over a mapping of its own kind, or nothing."""
        return dict(budget) if isinstance(budget, Mapping) else budget or Budget()

    @classmethod
    def of(cls, **settings: Any) -> Self:
        """A loop from the keywords that veRL passes to `ToolLoop`."""
        return cls.checked(f"agent loop {settings.get('name', '')}", settings)

    @classmethod
    def checked(cls, what: str, settings: Mapping[str, Any]) -> Self:
        try:
            return cls.model_validate(settings)
        except ValidationError as error:
            raise UserError(f"{what}: {'; '.join(problems(error))}") from None


def read_loop(path: Path, name: str) -> Loop:
    """The entry that rows call `name` (their `agent_name`)."""
    entries = files.read_yaml(path)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(f"{path}: a list of agent loops is expected, as in recipes/toy/loop.yaml")
    found = [entry for entry in entries if entry.get("name") == name]
    if len(found) != 1:
        names = ", ".join(str(entry.get("name")) for entry in entries)
        raise UserError(f"{path}: one loop named {name!r} is needed; it has {names or 'none'}")
    return Loop.checked(f"{path}, loop {name}", found[0])
