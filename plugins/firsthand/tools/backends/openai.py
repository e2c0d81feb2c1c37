"""Any OpenAI-compatible chat server that sees images: vLLM with Qwen3-VL or LLaVA-Video, GPT, and others.

The client's own retries are off: retries, deadline and breaker are the toolbox's. A body is read in pieces and only so
far, and whatever is not a chat completion with text in it counts as a fault of the service, whatever its status says.
"""

import asyncio
import math
from typing import Any

from openai import APIConnectionError, APIStatusError, AsyncOpenAI
from pydantic import ValidationError

from firsthand import clock
from firsthand.llm.client import Completion, Usage
from firsthand.llm.price import Price
from firsthand.tools.backends.base import SYSTEM_PROMPT, Answer, Sight
from firsthand.tools.keys import KeyPool
from firsthand.tools.protocol import Failed, Unavailable

_LARGEST_BODY = 1 << 20
_LONGEST_REST = 3600.0  # seconds, whatever a server asks for
_BUSY, _REFUSED = (408, 409, 425, 429), (401, 403)
_PAUSE = {429: 10.0, 401: _LONGEST_REST, 403: _LONGEST_REST}  # how long a key rests if the server does not say


class OpenAIBackend:
    def __init__(self, base_url: str, model: str, keys: KeyPool, *, max_tokens: int, price: Price):
        self.settings: dict[str, Any] = {
            "backend": "openai",
            "model": model,
            "system": SYSTEM_PROMPT,
            "temperature": 0.0,
            "max_tokens": max_tokens,
        }
        self._base_url, self._keys, self._price = base_url.rstrip("/"), keys, price
        self._client: tuple[asyncio.AbstractEventLoop, AsyncOpenAI] | None = None

    async def answer(self, sight: Sight) -> Answer:
        key = await asyncio.to_thread(self._keys.lease)
        try:
            body = await self._post(key, messages(sight))
        except APIStatusError as error:
            raise self._fault(key, error) from None
        except APIConnectionError as error:  # refused, reset, timed out, an answer that is not HTTP
            raise Unavailable(f"no answer ({error.__cause__ or error})") from None
        try:
            completion = Completion.model_validate_json(body)
        except ValidationError:
            completion = None
        text = completion.choices[0].message.content if completion else None
        if completion is None or text is None:
            raise Unavailable(f"not a chat completion: {bytes(body[:80])!r}")
        text = text.strip()
        if not text or text.lower().startswith("error:"):
            raise Unavailable(f"an empty answer or an error in its place: {text[:80]!r}")
        usage = completion.usage or Usage()
        return Answer(text, self._price.of(usage.prompt_tokens, usage.completion_tokens))

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
            client = AsyncOpenAI(base_url=self._base_url, api_key="none", max_retries=0, timeout=None)
            self._client = (loop, client)
        return self._client[1]

    def _fault(self, key: str, error: APIStatusError) -> Failed:
        code = error.status_code
        if code in _PAUSE:
            wish = retry_after(error.response.headers.get("retry-after"))
            self._keys.rest(key, wish or _PAUSE[code], f"HTTP {code}")
            return Unavailable(f"HTTP {code}")  # the key rests; the next try takes another or waits
        if code in _BUSY or code >= 500:
            return Unavailable(f"HTTP {code}", retry_after(error.response.headers.get("retry-after")))
        return Failed(f"HTTP {code}: {error.message[:200]}")


def messages(sight: Sight) -> list[Any]:
    content: list[dict[str, Any]] = []
    for image in sight.images:
        content += [
            {"type": "text", "text": clock.stamp(image.moment)},
            {"type": "image_url", "image_url": {"url": image.data_url}},
        ]
    content.append({"type": "text", "text": sight.question})
    return [{"role": "system", "content": SYSTEM_PROMPT}, {"role": "user", "content": content}]


def retry_after(header: str | None) -> float | None:
    """Whole seconds, as every API of this kind writes them; anything else is no wish."""
    try:
        seconds = float(header or "nan")
    except ValueError:
        return None
    return min(max(seconds, 0.0), _LONGEST_REST) if math.isfinite(seconds) else None
