"""The agent loops of a file like recipes/toy/loop.yaml, for whoever runs an agent outside veRL.

An agent is measured with the tools, the turns and the room for what tools say that it was trained with; one file says
both, so that the two cannot drift apart.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from firsthand import files
from firsthand.errors import UserError
from firsthand.rollout.actions import Dialect
from firsthand.rollout.agent import Limits
from firsthand.tools.protocol import Budget

TURN_TOKENS = 512


class Loop(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = ""
    target: str = Field(default="", alias="_target_")
    toolbox: Path | None = None
    dialect: Dialect
    turns: int = Limits.turns
    invalid: int = Limits.invalid
    seconds: float = Limits.seconds
    turn_tokens: int = TURN_TOKENS  # of one turn of the model
    budget: Budget = Budget()

    def limits(self, turns: int | None = None, seconds: float | None = None) -> Limits:
        """Those of its training, unless a run asks for others."""
        return Limits(turns or self.turns, self.invalid, seconds or self.seconds)


def read_loop(path: Path, name: str) -> Loop:
    """The entry that rows call `name` (their `agent_name`)."""
    entries = files.read_yaml(path)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(f"{path}: a list of agent loops is expected, as in recipes/toy/loop.yaml")
    found = [entry for entry in entries if entry.get("name") == name]
    if len(found) != 1:
        names = ", ".join(str(entry.get("name")) for entry in entries)
        raise UserError(f"{path}: one loop named {name!r} is needed; it has {names or 'none'}")
    try:
        return Loop.model_validate(found[0])
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise UserError(f"{path}, loop {name}: {wrong}") from None
