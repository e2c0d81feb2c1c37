"""The policy of an agent that a server runs: any OpenAI-compatible chat server, for evaluation, traces and chat.

An agent that we trained writes its calls as text, in its dialect; the conversation then has the token ids of training,
because the server applies the same chat template to the same words. A model of another maker is asked for function
calls in the API's own form (`functions=True`); they are written down in the native dialect, so that the loop, the
traces and everything after them meet one form only.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from openai import AsyncOpenAI, BadRequestError

from firsthand.errors import UserError
from firsthand.llm.client import Said, post
from firsthand.llm.messages import image_part, text_part
from firsthand.rollout.agent import Message, Reply
from firsthand.rollout.dialects import call as call_text
from firsthand.rollout.dialects import stop_strings
from firsthand.rollout.turn_text import Dialect
from firsthand.tools.call_text import read
from firsthand.tools.protocol import Image

_TOO_LONG = re.compile(r"(maximum|max) (context|model|prompt|sequence) length|max_model_len|too long", re.IGNORECASE)


class ChatPolicy:
    def __init__(
        self,
        client: AsyncOpenAI,
        model: str,
        messages: Sequence[Message],
        dialect: Dialect,
        tools: list[dict[str, Any]] | None = None,
        functions: bool = False,
        **sampling: Any,
    ):
        self.client, self.model, self.messages = client, model, list(messages)
        self._begun = len(self.messages)  # a prompt that is too long by itself is a mistake in the server's settings
        self.functions, self.sampling = functions, sampling
        self.request: dict[str, Any] = {"tools": tools} if tools else {}
        if tools and not functions:
            # The chat template describes the tools; the server must not parse the calls that the loop reads itself.
            self.request["tool_choice"] = "none"
        if stops := stop_strings(dialect):
            self.request |= {"stop": stops, "include_stop_str_in_output": True}
        self.prompt_tokens = self.completion_tokens = 0
        self._call_id: str | None = None

    async def generate(self) -> Reply:
        body = {"model": self.model, "messages": self.messages, **self.request, **self.sampling}
        try:
            completion = await post(self.client, body)
        except BadRequestError as error:
            if len(self.messages) == self._begun or not _TOO_LONG.search(error.message):
                raise
            return Reply("", 0, cut=True)  # a server knows its own limit of length, and only it
        read, written = completion.tokens
        self.prompt_tokens += read
        self.completion_tokens += written
        return Reply(self.take(completion.message), written, cut=completion.finish_reason == "length")

    def take(self, message: Said) -> str:
        """The model's turn, now part of the conversation, as the loop reads it; of several calls the first counts."""
        text = message.content or ""
        calls = message.tool_calls if self.functions else None
        if calls and (call := calls[0]).function:
            said = {"role": "assistant", **message.model_dump(exclude_none=True), "tool_calls": [call.model_dump()]}
            self.messages.append(said)
            self._call_id = call.id
            return as_native(thought_of(message), call.function.name, call.function.arguments)
        self.messages.append({"role": "assistant", "content": text})
        self._call_id = None
        return text

    async def append(self, message: Message, images: Sequence[Image]) -> bool:
        if self.functions:
            role = {"role": "tool", "tool_call_id": self._call_id} if self._call_id else {"role": "user"}
            message = {**role, "content": message["content"]}
        if not images:
            self.messages.append(message)
            return True
        parts = [image_part(image.jpeg) for image in images]
        if self.functions and self._call_id:  # the API takes pictures from users only
            self.messages += [message, {"role": "user", "content": parts}]
        else:
            self.messages.append({**message, "content": [*parts, text_part(message["content"])]})
        return True


def check_functions(tools: Iterable[str]) -> None:
    if "terminate" not in tools:
        raise UserError(
            "--functions needs the tool terminate, with which a model answers; add `terminate:` to the YAML"
        )


def thought_of(message: Said) -> str:
    """What goes before a call: the words, or, where there are none, the reasoning that a server keeps apart."""
    apart = message.model_extra or {}
    said = message.content or apart.get("reasoning_content") or apart.get("reasoning") or ""
    return str(said).replace("<think>", "").replace("</think>", "").strip()


def as_native(thought: str, name: str, arguments: str) -> str:
    """A function call of the API as the text of the native dialect; `terminate` is the answer."""
    value = read(arguments)
    if value is None:
        value = arguments  # the loop says what is wrong with it
    if name == "terminate" and isinstance(value, dict):
        return f"<think>{thought}</think>\n<answer>{value.get('answer', '')}</answer>"
    return call_text(thought, name, value, "native")
