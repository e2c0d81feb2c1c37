"""Figures of a file of chains: how often they are right, how long they are, which tools they use, what they cost."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from statistics import fmean

from pydantic import BaseModel

from firsthand.chains.chain import actions
from firsthand.evals.score import Tally
from firsthand.rollout.episodes import Episode
from firsthand.rollout.turn_text import Answer, Call


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
    stats, questions = Stats(), set[str]()
    tools, levels, statuses, stops = (Counter[str]() for _ in range(4))
    labels, calls_right = defaultdict[str, Tally](Tally), defaultdict[int, Tally](Tally)
    tokens = defaultdict[int, list[int]](list)
    for episode in episodes:
        turns, calls = episode.trace.turns, episode.trace.calls
        questions.add(episode.question_id)
        tools.update(turn.tool for turn in calls if turn.tool)
        levels.update(str(turn.arguments["level"]) for turn in calls if turn.arguments and "level" in turn.arguments)
        statuses.update(turn.status for turn in calls if turn.status)
        stops[episode.trace.stop] += 1
        for number, turn in enumerate(turns):
            tokens[number].append(turn.tokens)
        if episode.correct is not None:
            for tally in (stats.right, labels[episode.label or "(none)"], calls_right[len(calls)]):
                tally.add(episode.correct, unparsed=episode.letter is None, missing=False)
        stats.chains += 1
        stats.turns += len(turns)
        stats.calls += len(calls)
        stats.thoughts += sum(isinstance(a, Call | Answer) and bool(a.thought) for a in actions(episode))
        stats.prompt_tokens += episode.prompt_tokens
        stats.completion_tokens += episode.completion_tokens
        stats.unpriced += episode.cost is None
        stats.cost += episode.cost or 0.0
        stats.seconds += episode.seconds
    stats.questions = len(questions)
    stats.tools, stats.levels = dict(tools.most_common()), dict(levels.most_common())
    stats.statuses, stats.stops = dict(statuses.most_common()), dict(stops.most_common())
    stats.by_label, stats.by_calls = dict(sorted(labels.items())), dict(sorted(calls_right.items()))
    stats.tokens_by_turn = [fmean(tokens[number]) for number in sorted(tokens)]
    return stats
