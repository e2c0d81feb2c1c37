"""`firsthand curriculum`: rows that change with the policy."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="An evolving curriculum: probe the policy, and change its rows when due.")


@app.callback()
def _verbs() -> None:
    """Keeps `run` a verb of its own."""


@app.command()
def run(recipe: Annotated[Path, typer.Argument(help="A recipe such as recipes/ego3s/curriculum.yaml.")]) -> None:
    """Train in rounds. After each, the policy answers a fixed probing set; when it has stopped changing there, a slice
    of the pool is scored again and the best rows are trained on next.

    Start it again after any interruption: it goes on with the round, the answers and the checkpoint that it has.

    Example: firsthand curriculum run recipes/ego3s/tiny_curriculum.yaml
    """
    from firsthand.curriculum.loop import run as loop
    from firsthand.curriculum.recipe import Recipe
    from firsthand.tools.settings import read_as

    done = loop(read_as(Recipe, recipe), say=typer.echo)
    typer.echo(f"{len(done.updates)} updates -> {done.recipe.out / 'curriculum.html'}")
