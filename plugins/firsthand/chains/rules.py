"""Why a chain is not fit to learn from: one small rule for each reason, so that every drop has a name and a reason.

A rule sees one chain and says why it is dropped, or None. The rules run in this order and the first reason counts, so
the counts in a table add up.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from firsthand.chains.chain import actions, question
from firsthand.data.leaks.compare import question_key
from firsthand.data.leaks.guard import Guard
from firsthand.question import Question
from firsthand.rollout.episodes import Episode
from firsthand.rollout.turn_text import Answer, Call
from firsthand.tools.catalogue import names_that_are_words
from firsthand.tools.protocol import FAULTS

Rule = Callable[[Episode], str | None]

_SENTENCE = re.compile(r"(?<=[.!?\n])\s+")


@dataclass
class Settings:
    min_calls: int = 1
    max_calls: int = 7
    benchmarks: Iterable[Question] = ()
    guard: Guard = field(default_factory=Guard)


def rules(settings: Settings) -> dict[str, Rule]:
    return {
        "duplicate": _duplicate(),
        "benchmark": _benchmark(settings),
        "answer": _answer,
        "calls": lambda episode: _calls(episode, settings.min_calls, settings.max_calls),
        "unreadable": _unreadable,
        "faults": _faults,
        "mismatch": _mismatch,
        "thoughts": _thoughts,
    }


def _duplicate() -> Rule:
    ids: set[str] = set()
    first_with: dict[tuple[str, ...], str] = {}

    def rule(episode: Episode) -> str | None:
        if episode.id in ids:
            return "an earlier chain has its id"
        ids.add(episode.id)
        words = (episode.question_id, *(turn.text for turn in episode.trace.turns))
        first = first_with.setdefault(words, episode.id)
        return None if first == episode.id else f"the same words as {first}"

    return rule


def _benchmark(settings: Settings) -> Rule:
    tests = list(settings.benchmarks)
    ids = {test.id for test in tests}
    words = {question_key(test.question, test.options.values()) for test in tests}

    def rule(episode: Episode) -> str | None:
        if episode.split != "train":
            return f"it belongs to the {episode.split} split"
        if episode.question_id in ids:
            return "a benchmark has its id"
        if question_key(episode.question, episode.options.values()) in words:
            return "a benchmark asks the same"
        return settings.guard.why_question(question(episode, "ego_r1"), Path())

    return rule


def _answer(episode: Episode) -> str | None:
    if episode.correct:
        return None
    if episode.letter is None:
        return f"no answer ({episode.trace.stop})"
    return f"{episode.letter} is wrong" if episode.answer else "the right answer is not known"


def _calls(episode: Episode, least: int, most: int) -> str | None:
    calls = len(episode.trace.calls)
    return None if least <= calls <= most else f"{calls} calls, not {least} to {most}"


def _unreadable(episode: Episode) -> str | None:
    """A correction teaches how to react to a mistake; a student would learn to make the mistake first."""
    for number, turn in enumerate(episode.trace.turns, 1):
        if turn.action == "invalid":
            return f"turn {number} could not be read"
        if turn.status == "user_error":
            return f"turn {number}: {turn.tool} refused the call"
    return None


def _faults(episode: Episode) -> str | None:
    failed = [turn.tool for turn in episode.trace.turns if turn.status in FAULTS]
    return f"{failed[0]} failed" if failed else None


def _mismatch(episode: Episode) -> str | None:
    """The last sentence of a thought announces the call; what it names must be what is called."""
    tools = set(episode.settings["tools"])
    for number, action in enumerate(actions(episode), 1):
        if not isinstance(action, Call):
            continue
        if action.name not in tools:
            return f"turn {number} calls {action.name}, which is not a tool"
        last = _SENTENCE.split(action.thought.strip())[-1].lower()
        named = {tool for tool in tools - names_that_are_words() if re.search(rf"\b{re.escape(tool)}\b", last)}
        if named and action.name not in named:
            return f"turn {number} speaks of {' and '.join(sorted(named))} and calls {action.name}"
    return None


def _thoughts(episode: Episode) -> str | None:
    for number, action in enumerate(actions(episode), 1):
        if isinstance(action, Call | Answer) and action.thought.lower() in ("", "none", "null"):
            return f"turn {number} has no thought"
    return None


NAMES = (*rules(Settings()), "guess")  # in the order in which they run
