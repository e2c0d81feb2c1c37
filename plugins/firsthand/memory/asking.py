"""Chat calls of a build: up to N at a time, tried again, counted, and never made twice."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from firsthand.errors import UserError
from firsthand.llm.faults import Failed, Unavailable, of_openai
from firsthand.llm.price import Prices
from firsthand.llm.reply_cache import Reply, ReplyCache, key_of

if TYPE_CHECKING:
    from openai import APIError, AsyncOpenAI

_GIVE_UP = 5  # faults in a row, each after all its tries: the server is gone
_DENIED = (401, 402, 403, 404, 405)  # the key, the account, the model, the address


@dataclass
class Usage:
    """What one model took."""

    calls: int = 0  # made in this run
    reused: int = 0  # kept from earlier runs
    cut: int = 0  # replies that ended at max_tokens
    prompt_tokens: int = 0  # of calls and kept replies together: what the memory took in all
    completion_tokens: int = 0

    def add(self, other: "Usage") -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


class Asker:
    """Asks for one source; `limit` is shared by all sources of a process."""

    def __init__(self, replies: ReplyCache, limit: asyncio.Semaphore, retries: int, timeout: float) -> None:
        self.usage: dict[str, Usage] = {}  # by model
        self._replies, self._limit, self._retries, self._timeout = replies, limit, retries, timeout
        self._clients: dict[str, AsyncOpenAI] = {}
        self._asked: dict[str, asyncio.Future[Reply]] = {}
        self._faults = 0

    async def text(self, server: str, make_body: Callable[[], dict[str, Any]]) -> str:
        """The reply to a request, which is put together when its turn comes."""
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

        from firsthand.llm.client import connect, post

        if self._faults >= _GIVE_UP:
            raise Unavailable(f"not asked, after {_GIVE_UP} faults in a row")
        if server not in self._clients:
            self._clients[server] = connect(server, self._retries, self._timeout, key_env="OPENAI_API_KEY")
        try:
            completion = await post(self._clients[server], body)
        except openai.APIError as error:
            raise self._fault(server, body["model"], error) from None
        except Unavailable:
            self._faults += 1
            raise
        self._faults = 0
        text = (completion.message.content or "").strip()
        if not text:
            raise Failed(f"an empty reply ({completion.finish_reason})")
        read, written = completion.tokens
        tokens = {"prompt_tokens": read, "completion_tokens": written}
        return {"text": text, "finish_reason": completion.finish_reason, **tokens}

    def _fault(self, server: str, model: str, error: "APIError") -> Exception:
        """A wrong key or model ends a build; what is refused is left out of it; any other fault may pass."""
        fault = of_openai(error)
        if fault.status in _DENIED:
            return UserError(f"{server} refuses {model}: {error}; correct the server, model or key")
        self._faults += isinstance(fault, Unavailable)
        return fault


def report(usages: Iterable[Mapping[str, Usage]], prices: Prices) -> list[str]:
    """One line per model."""
    total: dict[str, Usage] = {}
    for usage in usages:
        for model, one in usage.items():
            total.setdefault(model, Usage()).add(one)
    lines = []
    for model, one in sorted(total.items()):
        line = f"{model}: {one.calls} calls, {one.reused} replies kept from earlier runs, {one.cut} cut short; "
        line += f"in all {one.prompt_tokens} tokens in, {one.completion_tokens} out"
        if model in prices:
            line += f", {prices[model].of(one.prompt_tokens, one.completion_tokens):.4f} US dollars"
        lines.append(line)
    return lines
