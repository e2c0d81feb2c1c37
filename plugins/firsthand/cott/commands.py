"""`firsthand cott`: chains of tool calls, from a teacher to training rows."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True, help="Chains of tool calls: written by a teacher, filtered, made into training rows."
)


@app.callback()
def main() -> None:
    """Chains of tool calls: written by a teacher, filtered, made into training rows."""


@app.command()
def generate(
    config: Annotated[Path, typer.Argument(help="Questions, tools and teacher: a recipes/cott_*.yaml.")],
) -> None:
    """Let a teacher answer questions with tools, and write down every step.

    Start it again after any interruption: a question that was answered is not asked again. Questions whose teacher
    failed are listed in OUT.errors.jsonl and asked again by the next run; the exit code is then 1.

    Example: firsthand cott generate recipes/cott_toy.yaml
    """
    import asyncio

    from firsthand.cott.config import Config
    from firsthand.cott.generate import generate as run
    from firsthand.tools.settings import read_as

    settings = read_as(Config, config)
    summary = asyncio.run(run(settings))
    typer.echo(
        f"{summary.asked} chains now, {summary.resumed} before; {summary.correct} of {summary.known} right; "
        f"{summary.faults} calls of tools failed; "
        f"{'price unknown' if summary.cost is None else f'{summary.cost:.2f} US dollars'} -> {settings.out}"
    )
    if summary.failed:
        typer.echo(f"{len(summary.failed)} questions have no chain ({settings.out}.errors.jsonl); run it again")
        raise typer.Exit(1)
