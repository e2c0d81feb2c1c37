"""What came out of a run, and what it took: every number is counted again from the folder's own rows.

The accuracy of the agent is its own: a question that it left open is wrong, and so is one whose episode is missing.
What a summary model adds has a name of its own. Questions whose answers their owner keeps are asked but not scored.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
import yaml
from pydantic import BaseModel

from firsthand.errors import UserError
from firsthand.evals.agents import run_folder as folders
from firsthand.evals.agents.evidence import Evidence, evidence, looks, mean, targets
from firsthand.evals.agents.run_folder import Folder
from firsthand.evals.rows import Gold, Prediction
from firsthand.evals.score import Comparison, Score, compare, score
from firsthand.question import Question
from firsthand.rollout.episodes import Episode
from firsthand.rollout.trace import Turn
from firsthand.tools.toolbox import UNKNOWN

Predictions = dict[str, Prediction]
AGENT, FILLED, SUMMARY, NO_TOOLS = "agent", "agent, then summary", "summary", "no tools"


class Spread(BaseModel):
    n: int
    mean: float
    p50: float
    p90: float
    p99: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread | None":
        if not values:
            return None
        p50, p90, p99 = np.percentile(values, [50, 90, 99])
        return cls(n=len(values), mean=fmean(values), p50=p50, p90=p90, p99=p99, max=max(values))


class ToolUse(BaseModel):
    per_question: float
    statuses: dict[str, int]
    seconds: Spread | None


class Results(BaseModel):
    run: str
    benchmark: str
    settings: dict[str, Any]
    questions: int
    episodes: int  # with tools; without, where there are no others
    unscored: int  # questions whose answer is not public
    scores: dict[str, Score]  # agent; no tools; summary, and agent with the summary where it gave no letter
    filled: int | None  # letters that only the summary model gave
    evidence: Evidence | None  # over the episodes whose question has a target
    evidence_by: dict[str, Evidence] = {}
    turns: float
    calls: float  # per question
    tools: dict[str, ToolUse]
    stops: dict[str, int]
    faults: int  # calls that failed by no fault of the agent
    hurt: int  # episodes with such a call
    seconds: Spread | None  # of an episode
    tokens: tuple[float, float]  # read and written by the agent, per question
    cost: float | None  # US dollars per question; None where a price is unknown
    tool_cost: float  # of that, the tools'


def results(run: Folder) -> Results:
    benchmark, episodes = run.benchmark, folders.read(run.episodes, Episode)
    rows = list(episodes.values()) or list(folders.read(run.no_tools, Episode).values())
    turns = [turn for row in rows for turn in row.trace.turns]
    costs = [row.cost for row in rows]
    gold, letters = golds(run), predictions(run)
    return Results(
        run=run.name,
        benchmark=benchmark.name,
        settings=rows[0].settings if rows else {},
        questions=len(run.questions),
        episodes=len(rows),
        unscored=len(run.questions) - len(gold),
        scores={name: _score(name, said, gold, run) for name, said in letters.items()},
        filled=_filled(letters),
        **_evidence(episodes.values(), run),
        turns=_per(len(turns), rows),
        calls=_per(sum(turn.action == "call" for turn in turns), rows),
        tools=_tools(turns, run, len(rows)),
        stops=dict(Counter(row.trace.stop for row in rows).most_common()),
        faults=sum(row.trace.faults for row in rows),
        hurt=sum(row.trace.faults > 0 for row in rows),
        seconds=Spread.of([row.seconds for row in rows]),
        tokens=(_per(sum(row.prompt_tokens for row in rows), rows), _per(sum(r.completion_tokens for r in rows), rows)),
        cost=None if None in costs else _per(sum(filter(None, costs)), rows),
        tool_cost=_per(sum(turn.cost for turn in turns), rows),
    )


def golds(run: Folder) -> dict[str, Gold]:
    """The questions with a public answer, and what scores are grouped by."""
    return {
        key: Gold.model_validate(
            {**question.labels, "identity": question.identity, "label": question.label}
            | {"id": key, "answer": question.answer, "letters": "".join(question.options)}
        )
        for key, question in run.questions.items()
        if question.answer is not None
    }


def predictions(run: Folder) -> dict[str, Predictions]:
    """The letters of every column that the folder has."""
    own = folders.read(run.episodes, Prediction)
    alone = folders.read(run.no_tools, Prediction)
    summary = folders.read(run.summary, Prediction)
    columns = {AGENT: own} if own else {}
    if summary:
        filled = {key: row if row.letter else summary.get(key, row) for key, row in own.items()}
        columns[FILLED] = filled
        if summary.keys() >= own.keys():
            columns[SUMMARY] = summary
    if alone:
        columns[NO_TOOLS] = alone
    return columns


def comparisons(runs: Sequence[Folder]) -> list[Comparison]:
    """Each run's agent against the first one's, and each agent against itself without tools."""
    said = [(run, predictions(run)) for run in runs]
    with_tools = [(run.name, columns[AGENT]) for run, columns in said if AGENT in columns]
    pairs = [(with_tools[0], other) for other in with_tools[1:]]
    for run, columns in said:
        if AGENT in columns and NO_TOOLS in columns:
            pairs.append(((f"{run.name} without tools", columns[NO_TOOLS]), (run.name, columns[AGENT])))
    gold = same_questions(runs)
    return [compare(a, b, gold) for a, b in pairs] if gold else []


def same_questions(runs: Sequence[Folder]) -> dict[str, Gold]:
    first, *others = ((run, golds(run)) for run in runs)
    for run, gold in others:
        if gold != first[1]:
            raise UserError(f"{run.path} asks other questions than {first[0].path}; runs are compared on the same ones")
    return first[1]


def _score(name: str, said: Predictions, gold: dict[str, Gold], run: Folder) -> Score:
    known = {key for key, question in run.questions.items() if question.answer is None}
    by = [key for key in run.benchmark.by if any((row.model_extra or {}).get(key) for row in gold.values())]
    return score(name, {key: row for key, row in said.items() if key not in known}, gold, by)


def _filled(letters: Mapping[str, Predictions]) -> int | None:
    if FILLED not in letters:
        return None
    return sum(bool(row.letter) and not letters[AGENT][key].letter for key, row in letters[FILLED].items())


def _evidence(episodes: Iterable[Episode], run: Folder) -> dict[str, Any]:
    each: list[tuple[Question, Evidence]] = []
    for row in episodes:
        question = run.questions.get(row.id)
        if question and (wanted := targets(question.labels.get("target_time"))):
            each.append((question, evidence(looks(row.trace), wanted)))
    types: dict[str, list[Evidence]] = {}
    for question, found in each:
        if kind := question.labels.get("type"):
            types.setdefault(kind, []).append(found)
    by = {kind: average for kind, found in sorted(types.items()) if (average := mean(found))}
    return {"evidence": mean([found for _, found in each]), "evidence_by": by}


def _tools(turns: list[Turn], run: Folder, questions: int) -> dict[str, ToolUse]:
    """By tool; names that a model invented count together."""
    known = (yaml.safe_load(run.manifest.tools or "") or {}).get("tools", {})
    by_name: dict[str, list[Turn]] = {}
    for turn in turns:
        if turn.action == "call":
            by_name.setdefault(turn.tool if turn.tool and turn.tool in known else UNKNOWN, []).append(turn)
    return {
        name: ToolUse(
            per_question=len(calls) / questions,
            statuses=dict(Counter(turn.status or "not carried out" for turn in calls).most_common()),
            seconds=Spread.of([turn.tool_seconds for turn in calls]),
        )
        for name, calls in sorted(by_name.items(), key=lambda item: -len(item[1]))
    }


def _per(total: float, rows: Sequence[Episode]) -> float:
    return total / len(rows) if rows else 0.0
