"""Results of one run or several as tables: the same cells on the terminal and in Markdown. `print_scores` is for scores
of files of answers, which are not a run: a column per model, a row per group."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from firsthand.evals.agents.evidence import HITS, Evidence
from firsthand.evals.results import AgentResults, Results, Spread
from firsthand.evals.score import Comparison, Score, Tally


class Grid(NamedTuple):
    title: str
    head: list[str]
    rows: list[list[str]]


def grids(runs: Sequence[Results]) -> list[Grid]:
    agents = [run for run in runs if isinstance(run, AgentResults)]
    more = (_evidence(agents), _work(agents), *map(_tools, agents)) if agents else ()
    return [grid for grid in (_accuracy(runs), *more) if grid.rows]


def show(runs: Sequence[Results], comparisons: Iterable[Comparison], console: Console) -> None:
    for grid in grids(runs):
        table = Table(title=grid.title, title_justify="left")
        for number, head in enumerate(grid.head):
            table.add_column(head, justify="right" if number else "left")
        for row in grid.rows:
            table.add_row(*row)
        console.print(table)
    for note in [*notes(runs), *(comparison.sentence for comparison in comparisons)]:
        console.print(note)


def markdown(runs: Sequence[Results], comparisons: Iterable[Comparison]) -> str:
    parts = [f"# {', '.join(dict.fromkeys(run.benchmark for run in runs))}: {', '.join(run.run for run in runs)}"]
    for grid in grids(runs):
        lines = [grid.head, ["---", *("---:" for _ in grid.head[1:])], *grid.rows]
        parts += [f"## {grid.title}", "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)]
    said = [*notes(runs), *(comparison.sentence for comparison in comparisons)]
    if said:
        parts.append("\n".join(f"- {note}" for note in said))
    return "\n\n".join(parts) + "\n"


def notes(runs: Sequence[Results]) -> list[str]:
    lines = []
    for run in runs:
        if missing := run.questions - run.episodes:
            lines.append(f"{run.run}: {missing} of {run.questions} questions have no episode, and count as wrong")
        if run.unscored:
            lines.append(f"{run.run}: {run.unscored} questions are not scored, their answers are not public")
        lines += _agent_notes(run) if isinstance(run, AgentResults) else []
    return lines


def _agent_notes(run: AgentResults) -> list[str]:
    lines = []
    if run.filled is not None:
        lines.append(f"{run.run}: {run.filled} answers come from the summary model alone, none of them the agent's own")
    if run.hurt:
        lines.append(f"{run.run}: tools failed {run.faults} times, in {run.hurt} episodes")
    return lines


def _accuracy(runs: Sequence[Results]) -> Grid:
    columns = {f"{run.run}: {name}" if len(runs) > 1 else name: s for run in runs for name, s in run.scores.items()}
    groups = list(dict.fromkeys(group for score in columns.values() for group in score.by))
    rows = [["all", _n(columns.values()), *map(_share, columns.values())]]
    for group in groups:
        tallies = [score.by.get(group, Tally()) for score in columns.values()]
        rows.append([group, _n(tallies), *map(_share, tallies)])
    rows.append(["without a letter", "", *(str(score.unparsed) for score in columns.values())])
    rows.append(["no episode", "", *(str(score.missing) for score in columns.values())])
    kind = "bootstrap" if any(score.bootstrap for score in columns.values()) else "Wilson"
    return Grid(f"Accuracy in %, with 95 % {kind} intervals", ["", "n", *columns], rows if columns else [])


def _evidence(runs: Sequence[AgentResults]) -> Grid:
    """One run by type of question, several side by side."""
    if len(runs) == 1:
        columns = {"all": runs[0].evidence, **runs[0].evidence_by}
    else:
        columns = {run.run: run.evidence for run in runs}
    found = {name: evidence for name, evidence in columns.items() if evidence}
    if not found:
        return Grid("", [], [])
    shares: dict[str, Callable[[Evidence], float]] = {
        "tIoU of the last look": lambda one: one.tiou,
        "tIoU of the best look": lambda one: one.tiou_best,
        **{f"hit@{k}": partial(_hit, k) for k in HITS},
        "hit by any look": lambda one: one.hit_any,
        "targets hit": lambda one: one.recall,
    }
    rows = [["questions with a target", *(str(one.n) for one in found.values())]]
    rows += [[name, *(f"{100 * share(one):.1f}" for one in found.values())] for name, share in shares.items()]
    return Grid("Evidence in %: what was looked at against the annotated times", ["", *found], rows)


def _work(runs: Sequence[AgentResults]) -> Grid:
    stops = list(dict.fromkeys(stop for run in runs for stop in run.stops))
    rows: dict[str, Callable[[AgentResults], str]] = {
        "episodes": lambda run: str(run.episodes),
        "turns a question": lambda run: f"{run.turns:.1f}",
        "calls a question": lambda run: f"{run.calls:.1f}",
        **{f"ended by {stop}": partial(_ended, stop) for stop in stops},
        "faults of tools": lambda run: str(run.faults),
        "seconds: mean, p50, p90, p99": lambda run: _spread(run.seconds),
        "tokens read, written": lambda run: f"{run.tokens[0]:,.0f}, {run.tokens[1]:,.0f}",
        "US dollars a question": lambda run: _dollars(run.cost),
        "of that, tools": lambda run: _dollars(run.tool_cost),
    }
    return Grid("Work", ["", *(run.run for run in runs)], [[name, *map(cell, runs)] for name, cell in rows.items()])


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


def _hit(k: int, one: Evidence) -> float:
    return one.hit[k]


def _ended(stop: str, run: AgentResults) -> str:
    return str(run.stops.get(stop, 0))


def _n(tallies: Iterable[Tally]) -> str:
    return str(max((tally.n for tally in tallies), default=0))


def _share(tally: Tally) -> str:
    low, high = tally.bootstrap or tally.interval
    return f"{100 * tally.accuracy:.1f}  {100 * low:.1f}–{100 * high:.1f}"


def _spread(spread: Spread | None) -> str:
    return (
        "–"
        if spread is None
        else ", ".join(f"{value:.2f}" for value in (spread.mean, spread.p50, spread.p90, spread.p99))
    )


def _dollars(amount: float | None) -> str:
    return "unknown" if amount is None else f"{amount:.5f}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def print_scores(scores: list[Score], comparisons: list[Comparison]) -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    kind = "bootstrap over videos" if scores[0].bootstrap else "Wilson"
    table = Table(title=f"accuracy in %, with 95 % intervals ({kind})")
    table.add_column("")
    table.add_column("n", justify="right")
    for score in scores:
        table.add_column(score.model, justify="right")
    table.add_row("all", str(scores[0].n), *map(_share, scores), style="bold")
    for group, tally in scores[0].by.items():  # the groups come from the questions: they are the same for all models
        table.add_row(group, str(tally.n), *(_share(score.by[group]) for score in scores))
    table.add_section()
    table.add_row("without a letter", "", *(_part(score.unparsed, score.n) for score in scores))
    table.add_row("never answered", "", *(_part(score.missing, score.n) for score in scores))
    console.print(table)
    for score in scores:
        if score.unknown:
            console.print(f"{score.model}: {score.unknown} answers to questions that are not asked here, not scored")
    for comparison in comparisons:
        console.print(comparison.sentence)


def _part(count: int, n: int) -> str:
    return f"{count} ({100 * count / n:.1f} %)" if count else "0"
