"""The verbs of `firsthand select` that choose rows."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    recipe: Annotated[Path, typer.Argument(help="A recipe such as recipes/ego3s/select.yaml.")],
    ray: Annotated[
        bool, typer.Option("--ray", help="One actor of Ray Data for each server: pools of 100,000 rows.")
    ] = False,
) -> None:
    """Choose rows: put each question blind, in full and with the region masked, and keep what the region decides.

    Start it again after any interruption or with other thresholds: no answer is asked for twice. Exit code 1 when rows
    have no scores because a server failed, or when nothing is kept.

    Example: firsthand select run recipes/ego3s/tiny_select.yaml
    """
    from firsthand.selection.recipe import Recipe
    from firsthand.selection.run import in_this_process, told
    from firsthand.selection.run import run as select
    from firsthand.tools.settings import read_as

    read = read_as(Recipe, recipe)
    if ray:
        from firsthand.selection.on_ray import on_ray

        score = on_ray
    else:
        score = in_this_process
    for line in told(read, select(read, score)):
        typer.echo(line)


def filter_(
    scores: Annotated[Path, typer.Argument(help="A ledger, or any JSONL file with an object a line.")],
    expression: Annotated[str, typer.Argument(help="What is kept: '0 < full < 1 and full - blind > 0.1'.")],
    data: Annotated[Path | None, typer.Option(help="Take the rows with these ids out of this data set.")] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write; without it the rows are only counted.")] = None,
) -> None:
    """Keep the rows of a scores file that an expression is true for. A row without one of its names is not kept.

    A ledger has full, blind and masked (accuracies), gain (coarse), drop (fine), label, reason, kept, stopped_early.

    Example: firsthand select filter runs/select/ledger.jsonl "0 < full < 1" --data pool.parquet --out some.parquet
    """
    from firsthand.errors import UserError
    from firsthand.selection import filtering

    if data and not out:
        raise UserError("--data needs --out: the file that the rows are written to")
    found = filtering.filtered(scores, expression)
    typer.echo(f"{len(found.kept)} of {found.rows} rows are kept")
    for name, count in found.unknown.items():
        typer.echo(f"{count} rows say nothing of `{name}` and are not kept")
    if found.early:
        typer.echo(
            f"{found.early} rows were stopped early and are judged by fewer samples; `risk: null` draws them all"
        )
    if out:
        typer.echo(f"{filtering.write(found, scores, data, out)} rows -> {out}")
