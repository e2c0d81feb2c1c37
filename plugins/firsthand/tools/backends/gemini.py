"""Gemini through Google's own client (`pip install google-genai`), with any number of keys.

Frames are sent in the request with their times, so nothing has to be uploaded and deleted while others use it.
"""

import asyncio
from typing import Any

from firsthand import clock
from firsthand.errors import UserError
from firsthand.llm.faults import Unavailable, of_status
from firsthand.llm.price import Price
from firsthand.tools.backends.base import SYSTEM_PROMPT, Answer, RemoteBackend, Sight
from firsthand.tools.limits import KeyPool


def require_client() -> None:
    try:
        import google.genai  # noqa: F401
    except ImportError:
        raise UserError("the Gemini backend needs Google's client; pip install google-genai") from None


class GeminiBackend(RemoteBackend):
    kind, seconds_of_rest = "gemini", 30.0

    def __init__(self, model: str, keys: KeyPool, *, max_tokens: int, price: Price, base_url: str | None = None):
        super().__init__(model, keys, max_tokens=max_tokens, price=price, base_url=base_url)
        self._clients: dict[str, Any] = {}

    async def answer(self, sight: Sight) -> Answer:
        import aiohttp
        import httpx
        from google.genai import errors

        key = await asyncio.to_thread(self._keys.lease)
        try:
            response = await self._client(key).aio.models.generate_content(
                model=self.settings["model"], contents=self._contents(sight), config=self._config()
            )
        except errors.APIError as error:
            raise self._fault(key, of_status(error.code, str(error.message))) from None
        except (httpx.HTTPError, aiohttp.ClientError, ValueError, errors.UnknownApiResponseError) as error:
            raise Unavailable(f"no answer ({type(error).__name__})") from None
        if not response.text:
            raise Unavailable("an empty answer")
        usage = response.usage_metadata
        prompt, completion = (usage.prompt_token_count or 0, usage.candidates_token_count or 0) if usage else (0, 0)
        return Answer(response.text.strip(), self._price.of(prompt, completion))

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aio.aclose()
            client.close()
        self._clients.clear()

    def _client(self, key: str) -> Any:
        if key not in self._clients:
            from google import genai

            options = genai.types.HttpOptions(base_url=self._base_url)
            self._clients[key] = genai.Client(api_key=key, http_options=options)
        return self._clients[key]

    def _config(self) -> Any:
        from google.genai.types import GenerateContentConfig

        return GenerateContentConfig(
            system_instruction=SYSTEM_PROMPT, temperature=0.0, max_output_tokens=self.settings["max_tokens"]
        )

    def _contents(self, sight: Sight) -> list[Any]:
        from google.genai.types import Part

        parts = []
        for image in sight.images:
            parts.append(Part.from_text(text=clock.stamp(image.moment)))
            parts.append(Part.from_bytes(data=image.jpeg, mime_type="image/jpeg"))
        return [*parts, Part.from_text(text=sight.question)]
