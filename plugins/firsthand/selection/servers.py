"""Several servers of one model. A request goes to its own server, and to the next one when that has gone."""

from typing import Any

from openai import APIConnectionError, APITimeoutError, AsyncOpenAI

from firsthand.llm.client import BadAnswer, Completion, check_server, connect, post
from firsthand.llm.faults import Unavailable
from firsthand.selection.recipe import Policy


class NoServer(Unavailable):
    """None of them answers any more."""


class Servers:
    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.clients: dict[str, AsyncOpenAI] = {
            server: connect(server, policy.retries, policy.timeout) for server in policy.servers
        }
        self.gone: dict[str, str] = {}  # server -> its last words

    async def check(self) -> None:
        for client in self.clients.values():
            await check_server(client, self.policy.model)

    async def post(self, prefer: int, body: dict[str, Any]) -> Completion:
        order = [*self.clients][prefer % len(self.clients) :] + [*self.clients][: prefer % len(self.clients)]
        for server in order:
            if server not in self.gone:
                try:
                    return _whole(await post(self.clients[server], body), body["n"])
                except APITimeoutError:
                    raise  # it answers, but slowly: the next one would not do better
                except APIConnectionError as error:
                    self.gone[server] = str(error)
        raise NoServer(f"no server answers any more: {', '.join(self.gone)}")

    async def close(self) -> None:
        for client in self.clients.values():
            await client.close()


def _whole(completion: Completion, count: int) -> Completion:
    if len(completion.choices) != count:
        raise BadAnswer(f"{len(completion.choices)} answers where n is {count}; the server must know `n`, as vLLM does")
    return completion
