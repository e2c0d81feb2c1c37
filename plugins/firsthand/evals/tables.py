"""Results of one run or several as tables: the same cells on the terminal and in Markdown. `print_scores` is for scores
of files of answers, which are not a run: a column per model, a row per group."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import starmap
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from firsthand.evals.agents.evidence import HITS, Evidence
from firsthand.evals.compare import Comparison
from firsthand.evals.judge.scores import JudgeFacts
from firsthand.evals.judge.similarity import SIMILARITY
from firsthand.evals.results import AgentResults, Results, Spread
from firsthand.evals.score import Score, Tally


class Grid(NamedTuple):
    title: str
    head: list[str]
    rows: list[list[str]]


def grids(runs: Sequence[Results]) -> list[Grid]:
    columns = {f"{run.run}: {name}" if len(runs) > 1 else name: s for run in runs for name, s in run.scores.items()}
    agents = [run for run in runs if isinstance(run, AgentResults)]
    more = (_evidence(agents), _work(agents), *map(_tools, agents)) if agents else ()
    return [grid for grid in (_accuracy(columns, runs), *more) if grid.rows]


def show(
    runs: Sequence[Results], comparisons: Iterable[Comparison], console: Console, more: Sequence[Grid] = ()
) -> None:
    print_grids([*grids(runs), *more], [*notes(runs), *(comparison.sentence for comparison in comparisons)], console)


def print_scores(scores: Sequence[Score], comparisons: Iterable[Comparison]) -> None:
    unknown = [
        f"{score.model}: {score.unknown} answers to questions that are not asked here, not scored"
        for score in scores
        if score.unknown
    ]
    grid, said = _accuracy({score.model: score for score in scores}), (one.sentence for one in comparisons)
    print_grids([grid], [*unknown, *said], Console(highlight=False, markup=False, soft_wrap=True))


def print_grids(grids: Iterable[Grid], lines: Iterable[str], console: Console) -> None:
    for grid in grids:
        table = Table(title=grid.title, title_justify="left")
        for number, head in enumerate(grid.head):
            table.add_column(head, justify="right" if number else "left")
        for row in grid.rows:
            table.add_row(*row)
        console.print(table)
    for line in lines:
        console.print(line, soft_wrap=True)


def markdown(runs: Sequence[Results], comparisons: Iterable[Comparison], more: Sequence[Grid] = ()) -> str:
    title = f"{', '.join(dict.fromkeys(run.benchmark for run in runs))}: {', '.join(run.run for run in runs)}"
    said = [*notes(runs), *(comparison.sentence for comparison in comparisons)]
    return as_markdown(title, [*grids(runs), *more], said)


def as_markdown(title: str, grids: Iterable[Grid], notes: Sequence[str]) -> str:
    parts = [f"# {title}"]
    for grid in grids:
        lines = [grid.head, ["---", *("---:" for _ in grid.head[1:])], *grid.rows]
        parts += [f"## {grid.title}", "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)]
    if notes:
        parts.append("\n".join(f"- {note}" for note in notes))
    return "\n\n".join(parts) + "\n"


def notes(runs: Sequence[Results]) -> list[str]:
    return [f"{run.run}: {note}" for run in runs for note in _notes(run)]


def _notes(run: Results) -> Iterator[str]:
    if missing := run.questions - run.episodes:
        yield f"{missing} of {run.questions} questions were not answered, and count as wrong"
    if run.unscored:
        yield f"{run.unscored} questions are not scored, their answers are not public"
    if run.baselines:
        yield "without a model: " + ", ".join(f"{name} {100 * share:.1f}" for name, share in run.baselines.items())
    for judge in run.judges:
        yield from _of_judge(judge)
    if run.seen:
        yield "seen: " + "; ".join(f"{name} {digest}" for name, digest in sorted(run.seen.items()))
    if run.totals.read:
        dollars = "price unknown (--price)" if run.totals.cost is None else f"{run.totals.cost:.4f} US dollars"
        tokens = f"{run.totals.read:,} tokens read, {run.totals.written:,} written"
        yield f"altogether {tokens}, {run.totals.seconds:,.0f} seconds if asked one after the other, {dollars}"
    if isinstance(run, AgentResults) and run.filled is not None:
        yield f"{run.filled} answers come from the summary model alone, none of them the agent's own"
    if run.settings.get("reading") == "released" and isinstance(run, AgentResults):
        turns, episodes = run.released
        yield f"turns read as released code reads them; {turns} turns in {episodes} episodes could be read only so"
    if isinstance(run, AgentResults) and run.hurt:
        yield f"tools failed {run.faults} times, in {run.hurt} episodes"


def _of_judge(judge: JudgeFacts) -> Iterator[str]:
    if judge.protocol == SIMILARITY:
        yield f"{judge.judge} compared {judge.judged} answers with the right ones, by the cosine of their embeddings"
    else:
        by_rule = f"{judge.by_rule} of them by words alone"
        yield f"{judge.judge} judged {judge.judged} answers by the protocol of {judge.protocol}, {by_rule}"
    if judge.without:
        yield f"{judge.without} answers have no verdict of {judge.judge}: they are in none of its scores"
    if found := judge.agreement:
        kappa = "" if found.kappa is None else f", Cohen's kappa {found.kappa:.2f}"
        yield f"{judge.judge} agrees with the first judge on {100 * found.same:.1f} % of {found.n} answers{kappa}"


def _accuracy(columns: dict[str, Score], runs: Sequence[Results] = ()) -> Grid:
    groups = list(dict.fromkeys(group for score in columns.values() for group in score.by))
    of_letters = any(score.of_letters for score in columns.values())
    rows = [["all", _n(columns.values()), *(_share(score, score.decimals) for score in columns.values())]]
    if of_letters:
        lenient = [score.leniently if score.of_letters else None for score in columns.values()]
        rows.append(["all, lenient reader", "", *(_share(score, score.decimals) if score else "" for score in lenient)])
    for group in groups:
        tallies = [(score.by.get(group, Tally()), score.decimals) for score in columns.values()]
        rows.append([group, _n(tally for tally, _ in tallies), *starmap(_share, tallies)])
    if of_letters:
        alone = (_part(score.only_lenient, score.n) if score.of_letters else "" for score in columns.values())
        rows.append(["read by the lenient reader alone", "", *alone])
    if runs and not any(isinstance(run, AgentResults) for run in runs):  # an agent's work has a table of its own
        written = [f"{run.tokens[1]:,.0f}" for run in runs for _ in run.scores]
        rows.append(["tokens of an answer", "", *written])
    rows.append(["without a letter or a text", "", *(_part(score.unparsed, score.n) for score in columns.values())])
    rows.append(["never answered", "", *(_part(score.missing, score.n) for score in columns.values())])
    kind = "bootstrap" if any(score.bootstrap for score in columns.values()) else "Wilson"
    return Grid(f"Accuracy in %, with 95 % {kind} intervals", ["", "n", *columns], rows if columns else [])


def _evidence(runs: Sequence[AgentResults]) -> Grid:
    """One run by type of question, several side by side."""
    if len(runs) == 1:
        columns = {"all": runs[0].evidence, **runs[0].evidence_by}
    else:
        columns = {run.run: run.evidence for run in runs}
    found = {name: evidence for name, evidence in columns.items() if evidence}
    title = "Evidence in %: what was looked at against the annotated times"
    return Grid(title, ["", *found], _rows([_shares(evidence) for evidence in found.values()]))


def _shares(one: Evidence) -> dict[str, str]:
    shares = {
        "tIoU of the last look": one.tiou,
        "tIoU of the best look": one.tiou_best,
        **{f"hit@{k}": one.hit[k] for k in HITS},
        "hit by any look": one.hit_any,
        "targets hit": one.recall,
    }
    return {"questions with a target": str(one.n)} | {name: f"{100 * share:.1f}" for name, share in shares.items()}


def _work(runs: Sequence[AgentResults]) -> Grid:
    stops = list(dict.fromkeys(stop for run in runs for stop in run.stops))
    return Grid("Work", ["", *(run.run for run in runs)], _rows([_work_of(run, stops) for run in runs]))


def _work_of(run: AgentResults, stops: Sequence[str]) -> dict[str, str]:
    return {
        "episodes": str(run.episodes),
        "turns a question": f"{run.turns:.1f}",
        "calls a question": f"{run.calls:.1f}",
        **{f"ended by {stop}": str(run.stops.get(stop, 0)) for stop in stops},
        "faults of tools": str(run.faults),
        "seconds: mean, p50, p90, p99": _spread(run.seconds),
        "tokens read, written": f"{run.tokens[0]:,.0f}, {run.tokens[1]:,.0f}",
        "US dollars a question": _dollars(run.cost),
        "of that, tools": _dollars(run.tool_cost),
    }


def _rows(columns: Sequence[dict[str, str]]) -> list[list[str]]:
    """A row for each name that the columns share; none without columns."""
    return [[name, *(column[name] for column in columns)] for name in (columns[0] if columns else {})]


def _tools(run: AgentResults) -> Grid:
    rows = [
        [
            name,
            f"{use.per_question:.2f}",
            ", ".join(f"{status} {count}" for status, count in use.statuses.items()),
            _spread(use.seconds),
        ]
        for name, use in run.tools.items()
    ]
    return Grid(f"Tools of {run.run}", ["", "calls a question", "ends", "seconds: mean, p50, p90, p99"], rows)


def _n(tallies: Iterable[Tally]) -> str:
    return str(max((tally.n for tally in tallies), default=0))


def _share(tally: Tally, decimals: int) -> str:
    low, high = tally.bootstrap or tally.interval
    return f"{100 * tally.accuracy:.{decimals}f}  {100 * low:.1f}–{100 * high:.1f}"


def _spread(spread: Spread | None) -> str:
    values = (spread.mean, spread.p50, spread.p90, spread.p99) if spread else ()
    return ", ".join(f"{value:.2f}" for value in values) or "–"


def _dollars(amount: float | None) -> str:
    return "unknown" if amount is None else f"{amount:.5f}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _part(count: int, n: int) -> str:
    return f"{count} ({100 * count / n:.1f} %)" if count else "0"
