"""A summary model: it reads what an agent did and gives a letter, which is never mixed into the agent's own number.

In Ego-R1's scripts GPT-4.1 answers on the last turn, and again where the agent had answered; its answer replaces the
agent's, and an unreadable one becomes an A. Here the agent's accuracy is its own. The summary model answers the
questions without a letter, or all of them if asked to, and its score stands beside the agent's; no letter is a wrong
answer. It reads the calls, what they returned (as text: pictures are not kept) and the thoughts, but not the agent's
own answer.
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from firsthand.evals.single_turn import as_written
from firsthand.llm.ask_many import Summary
from firsthand.llm.client import Settings
from firsthand.llm.messages import Prompted
from firsthand.llm.row_log import RowLog
from firsthand.rollout.episodes import Episode, Served

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "prompts"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def summarise(episodes: Iterable[Episode], out: Path, served: Served, settings: Settings, everything: bool) -> Summary:
    """Asks about the episodes without an answer, or about all; those of an earlier run stay."""
    with RowLog(out) as log:
        begun = log.rows.keys()
    wanted = {row.id: _reading(row) for row in episodes if everything or row.letter is None or row.id in begun}
    asking = as_written.ask(wanted, out, served.url, settings, media_root=Path(), pace=served.pace, key=served.key)
    return asyncio.run(asking)


def _reading(episode: Episode) -> Prompted:
    """An episode as the summary model reads it."""
    turns = [turn for turn in episode.trace.turns if turn.action != "answer"]
    system = _TEMPLATES.get_template("summary_system.txt").render()
    record = _TEMPLATES.get_template("summary.jinja").render(episode=episode, turns=turns)
    messages = [{"role": "system", "content": system}, {"role": "user", "content": record}]
    return Prompted.model_validate({"id": episode.id, "messages": messages, "letters": "".join(episode.options)})
