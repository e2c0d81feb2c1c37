"""The policy and the toolbox of a conversation in the terminal: the usual ones, which also report to the screen."""

from collections.abc import Sequence
from typing import Any

from openai.types.chat.chat_completion_chunk import ChoiceDelta

from firsthand.chat.screen import Screen
from firsthand.files import storable
from firsthand.llm.client import Said
from firsthand.rollout.agent import Reply
from firsthand.rollout.chat_policy import ChatPolicy
from firsthand.rollout.dialects import Message
from firsthand.tools.protocol import Context, Image, Outcome
from firsthand.tools.toolbox import Toolbox

CLOSED = "The question is closed."


class StreamingPolicy(ChatPolicy):
    def __init__(self, screen: Screen, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self.screen = screen

    @property
    def conversation(self) -> list[Message]:
        """The messages before the next question. A call that ended the episode gets a result: an API demands one."""
        if not self.messages[-1].get("tool_calls"):
            return self.messages
        return [*self.messages, {"role": "tool", "tool_call_id": self._call_id, "content": CLOSED}]

    async def generate(self) -> Reply:
        asked: dict[str, Any] = {"messages": self.messages, "extra_body": {**self.request, **self.sampling}}
        pieces, tokens, cut = list[ChoiceDelta](), 0, False
        async with await self.client.chat.completions.create(
            model=self.model, stream=True, stream_options={"include_usage": True}, **asked
        ) as chunks:
            async for chunk in chunks:
                for choice in chunk.choices[:1]:
                    self.screen.words(choice.delta.content or "")
                    pieces.append(choice.delta)
                    cut = cut or choice.finish_reason == "length"
                if chunk.usage:
                    tokens = chunk.usage.completion_tokens
        message = joined(pieces)
        text = self.take(message)
        if text != (message.content or ""):  # a call; the words before it are on the screen already
            self.screen.words(text.partition("</think>")[2] if message.content else text)
        self.screen.end_of_turn(cut)
        return Reply(text, tokens, cut)

    async def append(self, message: Message, images: Sequence[Image]) -> bool:
        self.screen.heard(message["content"])
        return await super().append(message, images)


def joined(pieces: list[ChoiceDelta]) -> Said:
    """The message of a stream, with the first of its calls."""
    said = {
        name: storable("".join(getattr(piece, name, None) or "" for piece in pieces))
        for name in ("content", "reasoning_content", "reasoning")
    }
    calls = [call for piece in pieces for call in piece.tool_calls or [] if call.index == 0]
    functions = [call.function for call in calls if call.function]
    function = {
        name: storable("".join(getattr(part, name) or "" for part in functions)) for name in ("name", "arguments")
    }
    call = {"id": next((call.id for call in calls if call.id), ""), "type": "function", "function": function}
    spoken = {name: text for name, text in said.items() if text}
    return Said.model_validate({"role": "assistant", **spoken, "tool_calls": [call] if function["name"] else None})


class WatchedToolbox(Toolbox):
    """Another toolbox, whose calls are shown as they happen."""

    def __init__(self, toolbox: Toolbox, screen: Screen):
        super().__init__(toolbox.tools.values())
        self._toolbox, self._screen = toolbox, screen

    async def call(self, name: str, arguments: dict[str, Any] | str, context: Context) -> Outcome:
        self._screen.call(name, arguments)
        outcome = await self._toolbox.call(name, arguments, context)
        self._screen.outcome(outcome, context.source)
        return outcome
