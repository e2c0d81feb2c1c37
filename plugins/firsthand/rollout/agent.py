"""One question, a model and its tools: the loop of turns that training, traces, evaluation and chat share.

The loop does not know about tokens or servers. A `Policy` writes the model's turns: in veRL it holds token ids
(`training/agent_loop.py`), elsewhere it speaks to an OpenAI-compatible server (`rollout/chat_policy.py`).

An episode always ends in one of the ways of `trace.Stop`. A turn that cannot be read gets a correction, and so does a
call that the tools refuse; `Limits.invalid` of them in a row end the episode. When the turns or the seconds are used
up, the model reads that it has one last turn, in which calls are not carried out. When tools are down, the model reads
that there was no result and the episode goes on; `Trace.faults` then says that the model alone did not cause the
outcome.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from firsthand.rollout.dialects import Message, observation
from firsthand.rollout.released_turn import READERS, Reading
from firsthand.rollout.trace import Trace, Turn
from firsthand.rollout.turn_text import Action, Answer, Call, Dialect, Invalid
from firsthand.tools.protocol import Context, Image, Outcome
from firsthand.tools.toolbox import Toolbox

LAST_TURN = "No further tool can be used. Think once more and give the answer now."
NO_RESULT = "The tool gave no result, which is not your fault. Try another way, or answer from what you know."


@dataclass(frozen=True)
class Limits:
    turns: int = 9  # model turns; the last one may not call tools
    invalid: int = 3  # unreadable or refused turns in a row
    seconds: float = 600.0  # after this time the model has one more turn


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


async def run_episode(
    policy: Policy,
    toolbox: Toolbox,
    context: Context,
    dialect: Dialect,
    letters: str,
    limits: Limits,
    reading: Reading = "strict",
) -> Trace:
    """Never raises for what a model or a tool does. A fault of the policy itself (its server) is raised."""
    trace, began, invalid, last = Trace(), time.monotonic(), 0, limits.turns <= 1
    while True:
        turn_began = time.monotonic()
        reply = await policy.generate()
        action = READERS[reading](reply.text, dialect, letters)
        turn = Turn(
            text=reply.text,
            tokens=reply.tokens,
            action=type(action).__name__.lower(),
            seconds=time.monotonic() - turn_began,
        )
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
