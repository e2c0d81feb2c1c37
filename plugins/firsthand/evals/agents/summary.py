"""A summary model: it reads what an agent did and gives a letter, which is never mixed into the agent's own number.

Ego-R1's scripts let GPT-4.1 answer on the last turn, and again where the agent had answered, with its answer in place
of the agent's; one that could not be read became an A. Here the agent's accuracy is the agent's. What the summary model
makes of the questions that were left open, and of all of them if asked, is reported beside it; no letter is a wrong
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
