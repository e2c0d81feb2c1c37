"""Figures of a file of chains: how often they are right, how long they are, which tools they use, what they cost."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from itertools import zip_longest
from statistics import fmean
from typing import Any, TypeVar

from pydantic import BaseModel

from firsthand.chains.chain import actions
from firsthand.evals.score import Tally
from firsthand.rollout.episodes import Episode
from firsthand.rollout.turn_text import Answer, Call

Key = TypeVar("Key", str, int)


class Stats(BaseModel):
    chains: int = 0
    questions: int = 0
    right: Tally = Tally()  # over the chains whose answer is known
    by_label: dict[str, Tally] = {}
    by_calls: dict[int, Tally] = {}  # number of calls -> how often right
    stops: dict[str, int] = {}
    tools: dict[str, int] = {}  # calls
    levels: dict[str, int] = {}  # calls that have a level
    statuses: dict[str, int] = {}  # calls
    thoughts: int = 0  # turns with a thought
    turns: int = 0
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    tokens_by_turn: list[float] = []  # mean number of tokens in the first turn, the second, ...
    cost: float = 0.0  # US dollars
    unpriced: int = 0  # chains of unknown cost, which `cost` leaves out
    seconds: float = 0.0

    def per_chain(self, total: float) -> float:
        return total / self.chains if self.chains else 0.0


def measure(episodes: Iterable[Episode]) -> Stats:
    rows = list(episodes)
    turns = [turn for row in rows for turn in row.trace.turns]
    calls = [turn for row in rows for turn in row.trace.calls]
    by_turn = zip_longest(*([turn.tokens for turn in row.trace.turns] for row in rows))
    thoughts = [action.thought for row in rows for action in actions(row) if isinstance(action, Call | Answer)]
    return Stats(
        chains=len(rows),
        questions=len({row.question_id for row in rows}),
        right=_right(rows, lambda row: "").get("", Tally()),
        by_label=_right(rows, lambda row: row.label or "(none)"),
        by_calls=_right(rows, lambda row: len(row.trace.calls)),
        stops=_counts(row.trace.stop for row in rows),
        tools=_counts(turn.tool for turn in calls),
        levels=_counts((turn.arguments or {}).get("level") for turn in calls),
        statuses=_counts(turn.status for turn in calls),
        thoughts=sum(map(bool, thoughts)),
        turns=len(turns),
        calls=len(calls),
        prompt_tokens=sum(row.prompt_tokens for row in rows),
        completion_tokens=sum(row.completion_tokens for row in rows),
        tokens_by_turn=[fmean(one for one in tokens if one is not None) for tokens in by_turn],
        cost=sum(row.cost or 0.0 for row in rows),
        unpriced=sum(row.cost is None for row in rows),
        seconds=sum(row.seconds for row in rows),
    )


def _right(rows: Iterable[Episode], key: Callable[[Episode], Key]) -> dict[Key, Tally]:
    """How often each group is right, of the chains whose answer is known."""
    found = defaultdict[Key, Tally](Tally)
    for row in rows:
        if row.correct is not None:
            found[key(row)].add(row.correct, unparsed=row.letter is None, missing=False)
    return dict(sorted(found.items()))


def _counts(values: Iterable[Any]) -> dict[str, int]:
    return dict(Counter(str(value) for value in values if value is not None).most_common())
