"""One question, a model and its tools: the loop of turns that training, traces, evaluation and chat share.

The loop knows nothing of tokens or servers. A `Policy` writes the model's turns: in veRL it holds token ids
(`training/agent_loop.py`), elsewhere it speaks to an OpenAI-compatible server (`rollout/chat_policy.py`).

What ends an episode is always one of `Stop`. A turn that cannot be read gets a correction, and so does a call that the
tools refuse; `Limits.invalid` of them in a row end the episode. When the turns or the seconds are used up the model is
told so and has one last turn, in which calls are not carried out. Tools that are down are part of the world: the model
reads that there was no result, the episode goes on, and `Trace.faults` says that its outcome is nobody's merit.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

from firsthand.rollout.actions import Action, Answer, Call, Dialect, Invalid, read_action
from firsthand.rollout.dialects import Message, observation
from firsthand.tools.protocol import Context, Image, Outcome
from firsthand.tools.toolbox import Toolbox

Stop = Literal["answer", "no_answer", "invalid", "length", "error"]

LAST_TURN = "No further tool can be used. Think once more and give the answer now."
NO_RESULT = "The tool gave no result, which is not your fault. Try another way, or answer from what you know."


@dataclass(frozen=True)
class Limits:
    turns: int = 9  # of the model, the last one without tools included
    invalid: int = 3  # in a row
    seconds: float = 600.0  # after them one more turn


@dataclass(frozen=True)
class Reply:
    text: str
    tokens: int
    cut: bool = False  # ended by a limit of length, not by the model


class Policy(Protocol):
    async def generate(self) -> Reply:
        """The model's next turn, already part of the conversation."""
        ...

    async def append(self, message: Message, images: Sequence[Image]) -> bool:
        """Add what the model reads next; False, and nothing added, when it would not fit with a turn after it."""
        ...


@dataclass
class Turn:
    text: str
    tokens: int
    action: str  # call, answer, invalid
    tool: str | None = None
    arguments: dict[str, Any] | None = None
    status: str | None = None  # of the call
    observation: str | None = None
    spans: list[tuple[float, float]] = field(default_factory=list)
    images: list[float] = field(default_factory=list)  # moments of the frames that came back
    seconds: float = 0.0  # writing the turn
    tool_seconds: float = 0.0
    cost: float = 0.0
    invented: bool = False  # the tool does not exist


@dataclass
class Trace:
    """What happened, without the prompt; JSON-ready by `as_dict`."""

    turns: list[Turn] = field(default_factory=list)
    stop: Stop = "error"
    letter: str | None = None
    seconds: float = 0.0

    @property
    def calls(self) -> list[Turn]:
        return [turn for turn in self.turns if turn.action == "call"]

    @property
    def faults(self) -> int:
        """Calls that failed and that nobody but the tools is to blame for."""
        return sum(turn.status in ("timeout", "infra_error") for turn in self.calls)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "faults": self.faults}


async def run_episode(
    policy: Policy, toolbox: Toolbox, context: Context, dialect: Dialect, letters: str, limits: Limits
) -> Trace:
    """Never raises for what a model or a tool does; a fault of the policy itself (its server) is the caller's."""
    trace, began, invalid, last = Trace(), time.monotonic(), 0, limits.turns <= 1
    while True:
        turn_began = time.monotonic()
        reply = await policy.generate()
        action = read_action(reply.text, dialect, letters)
        turn = Turn(reply.text, reply.tokens, type(action).__name__.lower(), seconds=time.monotonic() - turn_began)
        trace.turns.append(turn)
        if isinstance(action, Answer):
            trace.stop, trace.letter = "answer", action.letter
            break
        if reply.cut or last:
            trace.stop = "length" if reply.cut else "no_answer"
            break
        text, images = await _respond(action, turn, toolbox, context)
        invalid = invalid + 1 if turn.status == "user_error" or isinstance(action, Invalid) else 0
        if invalid >= limits.invalid:
            trace.stop = "invalid"
            break
        last = len(trace.turns) >= limits.turns - 1 or time.monotonic() - began >= limits.seconds
        if last:
            text = f"{text}\n{LAST_TURN}"
        turn.observation = text
        if not await policy.append(observation(text, dialect), images):
            trace.stop = "length"
            break
    trace.seconds = time.monotonic() - began
    return trace


async def _respond(action: Action, turn: Turn, toolbox: Toolbox, context: Context) -> tuple[str, Sequence[Image]]:
    """What the model reads next; the turn remembers what was called and how it ended."""
    if not isinstance(action, Call):
        assert isinstance(action, Invalid)
        return action.correction, ()
    turn.tool, turn.arguments, turn.invented = action.name, action.arguments, action.name not in toolbox.names
    outcome: Outcome = await toolbox.call(action.name, action.arguments, context)
    turn.status, turn.tool_seconds, turn.cost = outcome.status, outcome.seconds, outcome.cost
    turn.spans, turn.images = list(outcome.spans), [image.moment for image in outcome.images]
    if outcome.is_fault:
        return NO_RESULT, ()
    return outcome.text, outcome.images
