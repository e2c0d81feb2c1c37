"""Conversations: a turn that follows another is asked with what the model itself answered before, never with the gold.

A row says with `follows` which turn comes before it. A turn waits for that one; turns of other conversations go on.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from firsthand.errors import UserError
from firsthand.llm.messages import Message, Prompted


class Talk:
    """The answers so far. Rows stand in the order of their turns, so whoever waits waits for a turn that was begun."""

    def __init__(self, questions: Mapping[str, Prompted], said: Mapping[str, str]) -> None:
        self.questions, self._answers = questions, dict[str, asyncio.Future[str]]()
        self._said = said
        begun = set[str]()
        for one in questions.values():
            if one.follows and one.follows not in begun:
                raise UserError(f"{one.id} follows {one.follows}, which does not stand before it")
            begun.add(one.id)

    def answered(self, id: str, output: str | None) -> None:
        """`output` None: the turn failed."""
        future = self._future(id)
        if output is None:
            future.set_exception(UserError(f"the turn before it, {id}, has no answer"))
            future.exception()  # nobody may be waiting
        else:
            future.set_result(output)

    async def whole(self, question: Prompted) -> Prompted:
        """The turn after those before it, which are text; the video is shown in the last one."""
        turns: list[Message] = []
        one = question
        while before := one.follows:
            one, said = self.questions[before], await self._future(before)
            asked = one.messages[-1]
            turns = [Message(role="user", content=_words(asked)), Message(role="assistant", content=said), *turns]
        return question.model_copy(update={"messages": [*question.messages[:-1], *turns, question.messages[-1]]})

    def _future(self, id: str) -> "asyncio.Future[str]":
        if id not in self._answers:
            self._answers[id] = asyncio.get_running_loop().create_future()
            if id in self._said:
                self._answers[id].set_result(self._said[id])
        return self._answers[id]


def _words(message: Message) -> str | list[Any]:
    if isinstance(message.content, str):
        return message.content
    return "\n".join(part.text for part in message.content if part.type == "text")
