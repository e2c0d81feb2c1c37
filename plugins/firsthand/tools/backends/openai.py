"""Any OpenAI-compatible chat server that sees images: vLLM with Qwen3-VL or LLaVA-Video, GPT, and others.

The client's own retries are off: retries, deadline and breaker are the toolbox's. A body is read in pieces and only so
far, and whatever is not a chat completion with text in it counts as a fault of the service, whatever its status says.
"""

import asyncio
from typing import Any

from openai import APIError, AsyncOpenAI

from firsthand import clock
from firsthand.llm.client import BadAnswer, read_completion, unproxied
from firsthand.llm.faults import Unavailable, of_openai
from firsthand.llm.messages import image_part, text_part
from firsthand.tools.backends.base import SYSTEM_PROMPT, Answer, RemoteBackend, Sight

_LARGEST_BODY = 1 << 20


class OpenAIBackend(RemoteBackend):
    kind, seconds_of_rest = "openai", 10.0
    _client: tuple[asyncio.AbstractEventLoop, AsyncOpenAI] | None = None

    async def answer(self, sight: Sight) -> Answer:
        key = await asyncio.to_thread(self._keys.lease)
        try:
            body = await self._post(key, messages(sight))
        except APIError as error:
            raise self._fault(key, of_openai(error)) from None
        try:
            completion = read_completion(body)
        except BadAnswer as error:
            raise Unavailable(str(error)) from None
        text = completion.message.content
        if text is None:
            raise Unavailable(f"not a chat completion: {body[:80]!r}")
        text = text.strip()
        if not text or text.lower().startswith("error:"):
            raise Unavailable(f"an empty answer or an error in its place: {text[:80]!r}")
        return Answer(text, self._price.of(*completion.tokens))

    async def close(self) -> None:
        if self._client and self._client[0] is asyncio.get_running_loop():
            await self._client[1].close()
        self._client = None

    async def _post(self, key: str, conversation: list[Any]) -> bytes:
        options = {name: self.settings[name] for name in ("model", "temperature", "max_tokens")}
        body = bytearray()
        create = self._connected().with_options(api_key=key).chat.completions.with_streaming_response.create
        async with create(messages=conversation, **options) as response:
            try:
                async for piece in response.iter_bytes(65536):
                    body += piece
                    if len(body) > _LARGEST_BODY:
                        raise Unavailable(f"an answer of more than {_LARGEST_BODY >> 20} MiB")
            except Unavailable:
                raise
            except Exception as error:  # the client hands on what its HTTP library raises, of a version of its choice
                raise Unavailable(f"the answer broke off ({type(error).__name__})") from None
        return bytes(body)

    def _connected(self) -> AsyncOpenAI:
        """One client per event loop: connections cannot be shared between loops."""
        loop = asyncio.get_running_loop()
        if self._client is None or self._client[0] is not loop:
            client = AsyncOpenAI(
                base_url=self._base_url,
                api_key="none",
                max_retries=0,
                timeout=None,
                http_client=unproxied(self._base_url),
            )
            self._client = (loop, client)
        return self._client[1]


def messages(sight: Sight) -> list[Any]:
    content: list[dict[str, Any]] = []
    for image in sight.images:
        content += [text_part(clock.stamp(image.moment)), image_part(image.jpeg)]
    content.append(text_part(sight.question))
    return [{"role": "system", "content": SYSTEM_PROMPT}, {"role": "user", "content": content}]
