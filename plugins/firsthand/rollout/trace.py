"""What happened in one run of an agent: its turns and how it ended.

There is one model of it. The loop fills it, veRL carries it to the reward, files hold it in training and evaluation,
and pages and tables read it from there.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, computed_field

from firsthand.tools.protocol import FAULTS, Status

FINITE = ConfigDict(allow_inf_nan=False)  # as read from files: no page or sum can show an infinite time
Stop = Literal["answer", "no_answer", "invalid", "length", "error"]


class Turn(BaseModel):
    model_config = FINITE

    text: str
    tokens: int = 0
    action: str  # call, answer, invalid
    tool: str | None = None
    arguments: dict[str, Any] | None = None
    status: Status | None = None  # how the call ended; None: it was not carried out
    observation: str | None = None
    spans: list[tuple[float, float]] = []
    images: list[float] = []  # times of the frames that came back
    seconds: float = 0.0  # time that writing the turn took
    tool_seconds: float = 0.0
    cost: float = 0.0
    invented: bool = False  # the tool does not exist


class Trace(BaseModel):
    model_config = FINITE

    turns: list[Turn] = []
    stop: Stop = "error"
    letter: str | None = None
    seconds: float = 0.0

    @property
    def calls(self) -> list[Turn]:
        return [turn for turn in self.turns if turn.action == "call"]

    @property
    def invalid(self) -> list[Turn]:
        return [turn for turn in self.turns if turn.action == "invalid"]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def faults(self) -> int:
        """Calls that failed through the tools alone."""
        return sum(turn.status in FAULTS for turn in self.calls)
