"""The policy and the toolbox of a conversation that somebody watches: the usual ones, which tell the screen."""

from collections.abc import Sequence
from typing import Any

from firsthand.chat.screen import Screen
from firsthand.rollout.agent import Reply
from firsthand.rollout.chat_policy import ChatPolicy
from firsthand.rollout.dialects import Message
from firsthand.tools.protocol import Context, Image, Outcome
from firsthand.tools.toolbox import Toolbox


class StreamingPolicy(ChatPolicy):
    def __init__(self, screen: Screen, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self.screen = screen

    async def generate(self) -> Reply:
        asked: dict[str, Any] = {"messages": self.messages, **self.request, **self.sampling}
        text, tokens, cut = "", 0, False
        async with await self.client.chat.completions.create(
            model=self.model, stream=True, stream_options={"include_usage": True}, **asked
        ) as chunks:
            async for chunk in chunks:
                for choice in chunk.choices[:1]:
                    self.screen.words(choice.delta.content or "")
                    text += choice.delta.content or ""
                    cut = cut or choice.finish_reason == "length"
                if chunk.usage:
                    tokens = chunk.usage.completion_tokens
        self.screen.end_of_turn(cut)
        self.messages.append({"role": "assistant", "content": text})
        return Reply(text, tokens, cut)

    async def append(self, message: Message, images: Sequence[Image]) -> bool:
        self.screen.heard(message["content"])
        return await super().append(message, images)


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
