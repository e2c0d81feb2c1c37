"""One conversation: whose week it is and when, what was said, and the episode of every question.

A question is rendered, and its episode run, as in training. Earlier questions and answers precede it, as the agent
read and wrote them. A question that was stopped is forgotten. Another person or another time starts a new conversation,
because what the tools have found so far may lie after the new time.
"""

import math
import re
from dataclasses import dataclass, replace
from typing import Any

from openai import AsyncOpenAI

from firsthand import clock
from firsthand.chat.policy import StreamingPolicy, WatchedToolbox
from firsthand.chat.screen import Screen
from firsthand.errors import UserError
from firsthand.question import Question, StyleName
from firsthand.rollout import prompt
from firsthand.rollout.agent import run_episode
from firsthand.rollout.dialects import Message, chat_tools
from firsthand.rollout.episodes import AgentSettings
from firsthand.rollout.trace import Trace
from firsthand.rollout.turn_text import Answer, read_action
from firsthand.tools.scope import Scope
from firsthand.tools.toolbox import Toolbox

_OPTION = re.compile(r"(?:^|\s)([A-H])[.)]\s+(?=\S)")


@dataclass(frozen=True)
class Exchange:
    question: Question
    answer: str | None  # None: it gave none
    trace: Trace

    def as_dict(self) -> dict[str, Any]:
        asked = self.question.model_dump(include={"question", "options", "identity", "query_time"})
        return {**asked, "answer": self.answer, "trace": self.trace.model_dump()}


class Session:
    def __init__(
        self, client: AsyncOpenAI, agent: AgentSettings, style: StyleName, toolbox: Toolbox, screen: Screen, row: Scope
    ):
        self.client, self.agent, self.style = client, agent, style
        self.toolbox, self.screen, self.row = toolbox, screen, row
        self.messages: list[Message] = []
        self.exchanges: list[Exchange] = []

    @property
    def query_time(self) -> str | None:
        time = self.row.query_time
        return None if time is None or time == math.inf else clock.stamp(time)

    def place(self, row: Scope) -> None:
        """Another source, another time, or both."""
        self.row = Scope(
            row.source or self.row.source, self.row.query_time if row.query_time is None else row.query_time
        )
        self.messages = []

    async def ask(self, text: str) -> Exchange:
        if self.row.source is None:
            raise UserError("whose week is it, or which video? Type /source A1_JAKE")
        if self.row.query_time is None:
            raise UserError("when is this asked? Type /time DAY3_12000000, or /time end to show the whole video")
        question = self._question(text)
        dialect, letters = self.agent.dialect, "".join(question.options)
        first, asked = prompt.messages(question)
        policy = StreamingPolicy(
            self.screen, self.client, self.agent.model, [*(self.messages or [first]), asked], dialect,
            chat_tools(dialect, self.toolbox.schemas()), self.agent.functions, **self.agent.sampling,
        )  # fmt: skip
        tools = WatchedToolbox(self.toolbox, self.screen)
        context = replace(self.row.context(), budget=self.agent.budget)
        trace = await run_episode(policy, tools, context, dialect, letters, self.agent.limits)
        action = read_action(trace.turns[-1].text, dialect, letters)
        exchange = Exchange(question, action.content if isinstance(action, Answer) else None, trace)
        self.messages = policy.conversation
        self.exchanges.append(exchange)
        return exchange

    def _question(self, text: str) -> Question:
        words, options = split_options(text)
        return Question(
            id=str(len(self.exchanges)), question=words, options=options, answer=None, style=self.style,
            data_source="chat", split="test", identity=self.row.source, query_time=self.query_time,
            labels={} if options else {"problem_type": "free-form"},
        )  # fmt: skip


def split_options(text: str) -> tuple[str, dict[str, str]]:
    """`Where is it? A. here B. there` is a question with two options; letters in another order are text."""
    words, *rest = _OPTION.split(text)
    letters, texts = rest[::2], [part.strip() for part in rest[1::2]]
    if len(letters) > 1 and letters == list("ABCDEFGH"[: len(letters)]) and words.strip():
        return words.strip(), dict(zip(letters, texts, strict=True))
    return text, {}
