"""Chat calls of a build: up to N at a time, tried again, counted, and never made twice."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from firsthand.errors import UserError
from firsthand.llm.reply_cache import Reply, ReplyCache, key_of
from firsthand.memory.usage import Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_GIVE_UP = 5  # faults in a row, each after all its tries: the server is gone


class Fault(Exception):
    """The server failed; asking again later may help."""


class Refused(Exception):
    """This one cannot be had, from this server or at all; asking again will not help."""


class Asker:
    """Asks for one source; `limit` is shared by all sources of a process."""

    def __init__(self, replies: ReplyCache, limit: asyncio.Semaphore, retries: int, timeout: float) -> None:
        self.usage: dict[str, Usage] = {}  # by model
        self._replies, self._limit, self._retries, self._timeout = replies, limit, retries, timeout
        self._clients: dict[str, AsyncOpenAI] = {}
        self._asked: dict[str, asyncio.Future[Reply]] = {}
        self._faults = 0

    async def text(self, server: str, make_body: Callable[[], dict[str, Any]]) -> str:
        """The reply to a request, which is made when its turn has come."""
        async with self._limit:
            body = await asyncio.to_thread(make_body)
            key = key_of(body)
            if key not in self._asked:
                self._asked[key] = asyncio.ensure_future(self._reply(server, key, body))
            return (await self._asked[key])["text"]

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()
        self._replies.close()

    async def _reply(self, server: str, key: str, body: dict[str, Any]) -> Reply:
        usage = self.usage.setdefault(body["model"], Usage())
        if reply := self._replies.get(key):
            usage.reused += 1
        else:
            reply = await self._call(server, body)
            self._replies.put(key, reply)
            usage.calls += 1
        usage.cut += reply["finish_reason"] == "length"
        usage.prompt_tokens += reply["prompt_tokens"]
        usage.completion_tokens += reply["completion_tokens"]
        return reply

    async def _call(self, server: str, body: dict[str, Any]) -> Reply:
        import openai  # a second of import, which no lexical search needs

        from firsthand.llm.client import connect, environment_key

        if self._faults >= _GIVE_UP:
            raise Fault(f"not asked, after {_GIVE_UP} faults in a row")
        if server not in self._clients:
            self._clients[server] = connect(
                server, self._retries, self._timeout, environment_key("OPENAI_API_KEY") or "none"
            )
        try:
            answer = await self._clients[server].chat.completions.create(**body)
            choice, usage = answer.choices[0], answer.usage
            text = (choice.message.content or "").strip()
        except (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError) as error:
            raise UserError(f"{server} refuses {body['model']}: {error}; correct the server, model or key") from None
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            raise Refused(str(error)) from None
        except (openai.APIError, ValueError, TypeError, AttributeError, IndexError) as error:
            self._faults += 1
            raise Fault(f"{type(error).__name__}: {error}") from None
        self._faults = 0
        if not text:
            raise Refused(f"an empty reply ({choice.finish_reason})")
        tokens = {name: getattr(usage, name, 0) or 0 for name in ("prompt_tokens", "completion_tokens")}
        return {"text": text, "finish_reason": choice.finish_reason, **tokens}
