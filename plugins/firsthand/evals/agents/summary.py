"""A summary model: it reads what an agent did and gives a letter, which is never mixed into the agent's own number.

Ego-R1's scripts let GPT-4.1 answer on the last turn, and again where the agent had answered, with its answer in place
of the agent's; one that could not be read became an A. Here the agent's accuracy is the agent's. What the summary model
makes of the questions that were left open, and of all of them if asked, is reported beside it; no letter is a wrong
answer. It reads the calls, what they returned (as text: pictures are not kept) and the thoughts, but not the agent's
own answer.
"""

import asyncio
import hashlib
import json
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from openai import AsyncOpenAI

from firsthand.answers import extract_choice
from firsthand.llm.ask_many import Pace, Summary, ask_all
from firsthand.llm.client import Settings, complete
from firsthand.llm.row_log import RowLog
from firsthand.rollout.episodes import Episode

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "prompts"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Reading:
    """An episode as the summary model reads it."""

    def __init__(self, episode: Episode):
        self.episode, self.id = episode, episode.id

    @cached_property
    def messages(self) -> list[dict[str, str]]:
        turns = [turn for turn in self.episode.trace.turns if turn.action != "answer"]
        told = {"episode": self.episode, "turns": turns}
        return [
            {"role": "system", "content": _TEMPLATES.get_template("summary_system.txt").render()},
            {"role": "user", "content": _TEMPLATES.get_template("summary.jinja").render(told)},
        ]

    @cached_property
    def messages_sha256(self) -> str:
        return hashlib.sha256(json.dumps(self.messages).encode()).hexdigest()


def summarise(
    episodes: Iterable[Episode],
    out: Path,
    server: str,
    settings: Settings,
    *,
    everything: bool,
    pace: Pace,
    key: str | None = None,
) -> Summary:
    """Asks about the episodes without an answer, or about all; those of an earlier run stay."""
    with RowLog(out) as log:
        begun = log.rows.keys()
    wanted = {row.id: Reading(row) for row in episodes if everything or row.letter is None or row.id in begun}

    async def answer(client: AsyncOpenAI, reading: Reading) -> dict[str, Any]:
        reply = await complete(client, {"messages": reading.messages}, settings)
        return {
            "id": reading.id,
            "messages_sha256": reading.messages_sha256,
            "settings": settings.model_dump(),
            "decided": True,
            "letter": extract_choice(reply.output, "".join(reading.episode.options)),
            **reply.model_dump(),
        }

    return asyncio.run(ask_all(wanted, answer, out, server, settings, pace, key))
