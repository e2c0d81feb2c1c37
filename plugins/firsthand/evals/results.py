"""The scores of a run and what it cost: every number is counted again from the rows in its folder.

The accuracy of an agent is its own: a question without a letter is wrong, and so is one without an episode. What a
summary model adds is a column of its own. Questions whose answers are not public are asked but not scored.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
import yaml
from pydantic import BaseModel

from firsthand import files
from firsthand.errors import UserError
from firsthand.evals import run_folder as folders
from firsthand.evals.agents.evidence import Evidence, evidence, looks, mean, targets
from firsthand.evals.baselines import of_interruptions, of_letters
from firsthand.evals.compare import Comparison, compare
from firsthand.evals.judge.protocols import Judged
from firsthand.evals.judge.scores import JudgeFacts, Judges
from firsthand.evals.metrics.choice import IN_ORDERS
from firsthand.evals.metrics.speak import SPEAK_F1
from firsthand.evals.rows import Gold, Prediction, groups
from firsthand.evals.run_folder import Folder
from firsthand.evals.score import Score, score
from firsthand.evals.seen import Seen
from firsthand.evals.ways import ANSWER, CHANGED, Agent
from firsthand.llm.price import Price
from firsthand.rollout.episodes import Episode
from firsthand.rollout.released_turn import only_released
from firsthand.rollout.trace import Turn
from firsthand.tools.toolbox import UNKNOWN

Predictions = dict[str, Prediction]
Asked = dict[str, dict[str, Any]]
AGENT, FILLED, SUMMARY = "agent", "agent, then summary", "summary"
NO_TOOLS, FORCED = "no tools", "no tools, answer forced"
COUNTED = ("prompt_tokens", "completion_tokens", "seconds")  # of every row


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


class Totals(BaseModel):
    """What all answers together took."""

    read: int = 0  # tokens
    written: int = 0
    seconds: float = 0.0  # of waiting for the server and of tools, one question after the other
    cost: float | None = None  # US dollars; None where a price is unknown


class Results(BaseModel):
    run: str
    benchmark: str
    settings: dict[str, Any]
    questions: int
    episodes: int  # rows; of an agent with tools, or without where there are no others
    unscored: int  # questions whose answer is not public
    scores: dict[str, Score]  # by column, and by metric where a benchmark has several
    tokens: tuple[float, float] = (0.0, 0.0)  # read and written by the model, per question
    baselines: dict[str, float] = {}  # scores without a model
    judges: list[JudgeFacts] = []
    seen: Seen = {}  # hashes of what the model was shown, and of what its tools looked into
    totals: Totals = Totals()


class AgentResults(Results):
    filled: int | None  # letters that only the summary model gave
    evidence: Evidence | None  # over the episodes whose question has a target
    evidence_by: dict[str, Evidence] = {}
    turns: float
    calls: float  # per question
    tools: dict[str, ToolUse]
    stops: dict[str, int]
    faults: int  # calls that failed through the tools alone
    hurt: int  # episodes with such a call
    released: tuple[int, int] = (0, 0)  # turns that only `--reading released` could run, and the episodes with one
    seconds: Spread | None  # of an episode
    cost: float | None  # US dollars per question; None where a price is unknown
    tool_cost: float  # of that, the tools'


def results(run: Folder) -> Results:
    columns, judges = predictions(run), _judges(run)
    shared: dict[str, Any] = {
        "run": run.name,
        "benchmark": run.manifest.benchmark,
        "questions": len(run.questions),
        "unscored": len(run.questions) - len(run.golds),
        "scores": _scores(run, columns),
        "baselines": _baselines(run),
        "judges": judges.facts(columns, run.golds) if judges else [],
        "seen": run.manifest.seen,
    }
    if not isinstance(run.benchmark.ask, Agent):
        rows = list(files.read_jsonl(run.answers)) if run.answers.is_file() else []
        settings, totals = rows[0]["settings"] if rows else {}, _totals(rows, run.manifest.price)
        tokens = _per(totals.read, rows), _per(totals.written, rows)
        return Results(**shared, episodes=len(rows), settings=settings, tokens=tokens, totals=totals)
    episodes = list(folders.read(run.episodes, Episode).values())
    either = episodes or list(folders.read(run.no_tools, Episode).values())
    shared |= {"episodes": len(either), "settings": either[0].settings if either else {}}
    return AgentResults(**shared, **_work(either, run), filled=_filled(columns), **_evidence(episodes, run))


def _scores(run: Folder, columns: dict[str, Predictions]) -> dict[str, Score]:
    """Every metric of every column; the first metric has the column's own name."""
    benchmark, by, found = run.benchmark, groups(run.benchmark.by, run.golds), {}
    for column, answers in columns.items():
        for number, (metric, rows, golds) in enumerate(measured(run, column, answers)):
            name = f"{column}: {metric.name}" if number or not metric.needs_letters else column
            found[name] = score(name, rows, golds, by, benchmark.cluster, metric, benchmark.decimals)
    return found


def measured(run: Folder, column: str, answers: Predictions) -> list[tuple[Any, Predictions, dict[str, Gold]]]:
    """The metrics of a column, each with the answers and questions that it is about; those of judges, too."""
    gold = run.golds
    unscored = run.questions.keys() - gold.keys()
    known = {key: row for key, row in answers.items() if key not in unscored}
    asked: list[Any] = [(metric, known, gold) for metric in run.benchmark.metrics if not isinstance(metric, Judged)]
    if any(len(row.outputs) > 1 and row.settings.get("method") != "pairwise" for row in known.values()):
        asked += [(metric, known, gold) for metric in IN_ORDERS]
    if judges := _judges(run):
        asked += judges.metrics_of(column, known, gold)
    return asked


def _baselines(run: Folder) -> dict[str, float]:
    if SPEAK_F1 in run.benchmark.metrics:
        return of_interruptions(run.questions.values())
    return of_letters(run.golds)


def _judges(run: Folder) -> Judges | None:
    metric = next((metric for metric in run.benchmark.metrics if isinstance(metric, Judged)), None)
    return Judges(run.path, metric) if metric else None


def _work(rows: Sequence[Episode], run: Folder) -> dict[str, Any]:
    turns = [turn for row in rows for turn in row.trace.turns]
    costs, totals = [row.cost for row in rows], _totals([row.model_dump(include=set(COUNTED)) for row in rows], None)
    totals.cost = None if None in costs else sum(filter(None, costs))
    return {
        "turns": _per(len(turns), rows),
        "calls": _per(sum(turn.action == "call" for turn in turns), rows),
        "tools": _tools(turns, run, len(rows)),
        "stops": dict(Counter(row.trace.stop for row in rows).most_common()),
        "faults": sum(row.trace.faults for row in rows),
        "hurt": sum(row.trace.faults > 0 for row in rows),
        "released": _released(rows),
        "seconds": Spread.of([row.seconds for row in rows]),
        "tokens": (_per(totals.read, rows), _per(totals.written, rows)),
        "totals": totals,
        "cost": None if totals.cost is None else _per(totals.cost, rows),
        "tool_cost": _per(sum(turn.cost for turn in turns), rows),
    }


def _released(rows: Sequence[Episode]) -> tuple[int, int]:
    counts = [
        sum(only_released(turn.text, row.settings["dialect"], "".join(row.options)) for turn in row.trace.turns)
        for row in rows
        if row.settings.get("reading") == "released"
    ]
    return sum(counts), sum(count > 0 for count in counts)


def predictions(run: Folder) -> dict[str, Predictions]:
    """The answers of every column that the folder has."""
    if not isinstance(run.benchmark.ask, Agent):
        columns = {name: folders.read(run.column(name), Prediction) for name in (ANSWER, *CHANGED)}
        return {name: rows for name, rows in columns.items() if rows}
    own = folders.read(run.episodes, Prediction)
    alone = folders.read(run.no_tools, Prediction)
    summary = folders.read(run.summary, Prediction)
    columns = {AGENT: own} if own else {}
    if summary:
        columns[FILLED] = {key: row if row.letter else summary.get(key, row) for key, row in own.items()}
        if summary.keys() >= own.keys():
            columns[SUMMARY] = summary
    if alone:
        columns[NO_TOOLS] = alone
    if forced := folders.read(run.forced, Prediction):
        columns[FORCED] = alone | forced
    return columns


def comparisons(runs: Sequence[Folder]) -> list[Comparison]:
    """Each run's own answers against the first one's, and each agent against itself without tools."""
    columns = [(run, predictions(run)) for run in runs]
    own = [(run.name, found[name]) for run, found in columns for name in (ANSWER, AGENT) if name in found]
    pairs = [(own[0], other) for other in own[1:]]
    for run, found in columns:
        if AGENT in found and NO_TOOLS in found:
            pairs.append(((f"{run.name} without tools", found[NO_TOOLS]), (run.name, found[AGENT])))
    gold, benchmark = same_questions(runs), runs[0].benchmark
    [metric, *_], cluster = benchmark.metrics, benchmark.cluster
    return [compare(a, b, gold, metric=metric, cluster=cluster) for a, b in pairs] if gold else []


def same_questions(runs: Sequence[Folder]) -> dict[str, Gold]:
    first, *others = ((run, _asked(run)) for run in runs)
    for run, asked in others:
        if asked != first[1]:
            raise UserError(_other_questions(first, (run, asked)))
    return first[0].golds


def _other_questions(a: tuple[Folder, Asked], b: tuple[Folder, Asked]) -> str:
    (first, known), (run, asked) = a, b
    parts = []
    for mine, theirs, folder in ((known, asked, first), (asked, known, run)):
        if alone := mine.keys() - theirs.keys():
            parts.append(f"{len(alone)} only {folder.path} asks (such as {min(alone)})")
    if other := [key for key in known.keys() & asked.keys() if known[key] != asked[key]]:
        parts.append(f"{len(other)} have the same id and another question, options or answer (such as {min(other)})")
    same = len(known.keys() & asked.keys()) - len(other)
    return (
        f"{run.path} asks other questions than {first.path}; runs are compared on the same ones. "
        f"{len(known)} and {len(asked)} questions with an answer, {same} the same; {'; '.join(parts)}"
    )


def _asked(run: Folder) -> Asked:
    """The questions, without how they were put: ways of asking are what is compared."""
    return {key: gold.model_dump(exclude={"messages", "style", "system"}) for key, gold in run.golds.items()}


def _filled(letters: Mapping[str, Predictions]) -> int | None:
    if FILLED not in letters:
        return None
    return sum(bool(row.letter) and not letters[AGENT][key].letter for key, row in letters[FILLED].items())


def _evidence(episodes: Iterable[Episode], run: Folder) -> dict[str, Any]:
    by_type = defaultdict[str, list[Evidence]](list)
    for row in episodes:
        question = run.questions.get(row.id, {})
        if wanted := targets(question.get("target_time")):
            by_type[question.get("type") or ""].append(evidence(looks(row.trace), wanted))
    every = [one for found in by_type.values() for one in found]
    by = {kind: mean(found) for kind, found in sorted(by_type.items()) if kind}
    return {"evidence": mean(every), "evidence_by": by}


def _tools(turns: list[Turn], run: Folder, questions: int) -> dict[str, ToolUse]:
    """By tool; names that a model invented count together."""
    known = (yaml.safe_load(run.manifest.tools or "") or {}).get("tools", {})
    by_name = defaultdict[str, list[Turn]](list)
    for turn in turns:
        if turn.action == "call":
            by_name[turn.tool if turn.tool and turn.tool in known else UNKNOWN].append(turn)
    return {
        name: ToolUse(
            per_question=len(calls) / questions,
            statuses=dict(Counter(turn.status or "not carried out" for turn in calls).most_common()),
            seconds=Spread.of([turn.tool_seconds for turn in calls]),
        )
        for name, calls in sorted(by_name.items(), key=lambda item: -len(item[1]))
    }


def _totals(rows: Sequence[dict[str, Any]], price: Price | None) -> Totals:
    read, written, seconds = (sum(row.get(key) or 0 for row in rows) for key in COUNTED)
    return Totals(read=read, written=written, seconds=seconds, cost=price.of(read, written) if price else None)


def _per(total: float, rows: Sequence[Any]) -> float:
    return total / len(rows) if rows else 0.0
