"""Scores as a table on the terminal: a column a model, a row a group, so that many groups still fit."""

from rich.console import Console
from rich.table import Table

from firsthand.evals.score import Comparison, Score, Tally


def print_scores(scores: list[Score], comparisons: list[Comparison]) -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    kind = "bootstrap over videos" if scores[0].bootstrap else "Wilson"
    table = Table(title=f"accuracy in %, with 95 % intervals ({kind})")
    table.add_column("")
    table.add_column("n", justify="right")
    for score in scores:
        table.add_column(score.model, justify="right")
    table.add_row("all", str(scores[0].n), *map(_cell, scores), style="bold")
    for group, tally in scores[0].by.items():  # the groups come from the questions: they are the same for all models
        table.add_row(group, str(tally.n), *(_cell(score.by[group]) for score in scores))
    table.add_section()
    table.add_row("without a letter", "", *(_share(score.unparsed, score.n) for score in scores))
    table.add_row("never answered", "", *(_share(score.missing, score.n) for score in scores))
    console.print(table)
    for score in scores:
        if score.unknown:
            console.print(f"{score.model}: {score.unknown} answers to questions that are not asked here, not scored")
    for comparison in comparisons:
        console.print(comparison.sentence)


def _cell(tally: Tally) -> str:
    low, high = tally.bootstrap or tally.interval
    return f"{100 * tally.accuracy:.1f}  {100 * low:.1f}–{100 * high:.1f}"


def _share(count: int, n: int) -> str:
    return f"{count} ({100 * count / n:.1f} %)" if count else "0"
