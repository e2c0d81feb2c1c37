"""Scores without a model, which stand beside every score by letters: what does a question's form give away?

EgoLongQA's answers are 8, 205, 444 and 43 times A, B, C and D: always C is right in 63 %, and the shortest option in
40 %.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any

from firsthand.evals.metrics import speak
from firsthand.evals.rows import Gold

Shares = dict[str, float]


def of_letters(golds: Mapping[str, Gold]) -> Shares:
    """Chance, the letter that is right most often, and the shortest and the longest option."""
    asked = [gold for gold in golds.values() if gold.letters]
    if not asked:
        return {}
    [(letter, count)] = Counter(gold.answer for gold in asked).most_common(1)
    found = {"chance": fmean(1 / len(gold.letters) for gold in asked), f"always {letter}": count / len(asked)}
    if all(len(gold.options) == len(gold.letters) for gold in asked):
        found["shortest option"] = fmean(_share(gold, min) for gold in asked)
        found["longest option"] = fmean(_share(gold, max) for gold in asked)
    return found


def of_interruptions(rows: Iterable[Mapping[str, Any]]) -> Shares:
    """Macro-F1 of always the same, and of looking at the labels before a moment alone; rows are in order of time."""
    sessions: dict[str, list[bool]] = {}
    for row in rows:
        if row.get("session") and row.get("answer") is not None:
            sessions.setdefault(row["session"], []).append(speak.speaks(row["answer"]))
    every = [label for session in sessions.values() for label in session]
    if not every:
        return {}
    spoken, silent = sum(every), len(every) - sum(every)
    return {
        "always silent": speak.SPEAK_F1.of([0, 0, silent, spoken]),
        "always speaking": speak.SPEAK_F1.of([spoken, silent, 0, 0]),
        "label history": speak.by_history(sessions.values()),
    }


def _share(gold: Gold, which: Any) -> float:
    """Of the options that are equally long, one is drawn."""
    lengths = {letter: len(text) for letter, text in gold.options.items()}
    extreme = which(lengths.values())
    return (lengths[gold.answer] == extreme) / sum(length == extreme for length in lengths.values())
