"""`firsthand demo`: whole loops in small worlds."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Whole loops in small worlds, from data over training to a report.")


LOOPS = (
    "agent: tools over a week's memory. choice: pictures and short videos. ego3s: rows that are chosen. "
    "egoagent: a model that represents, predicts and acts. order: the order of frames."
)
Loop = Annotated[str, typer.Argument(help=LOOPS)]
Whole = Annotated[bool, typer.Option("--all", help="ego3s: train on the rows of every other selection too (hours).")]


@app.command()
def run(
    loop: Loop = "agent",
    out: Annotated[Path | None, typer.Option(help="Folder of this run; run again with the same one to resume.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of every training.")] = 0,
    whole: Whole = False,
) -> None:
    """Run every stage that is not done yet, then write report.html.

    Example: firsthand demo run agent --seed 1
    """
    from rich.console import Console

    from firsthand.demo.run import run_demo

    run_demo(loop, out or _folder(loop, seed), seed, Console(), whole)


@app.command()
def seeds(
    loop: Loop = "agent",
    seeds: Annotated[str, typer.Option(help="Comma-separated seeds; each has a run folder of its own.")] = "0,1,2",
    results: Annotated[Path, typer.Option(help="Markdown file whose section of this demo is replaced.")] = Path(
        "docs/results.md"
    ),
    whole: Whole = False,
) -> None:
    """Run a demo once per seed and write the table of all of them; finished seeds are not run again.

    Example: firsthand demo seeds agent --seeds 0,1,2 --results docs/results.md
    """
    from rich.console import Console

    from firsthand.demo.run import demo, run_demo
    from firsthand.demo.seeds import write_table

    console, read = Console(), demo(loop).seed
    folders = {int(seed): _folder(loop, int(seed)) for seed in seeds.split(",")}
    for seed, folder in folders.items():
        console.rule(f"seed {seed}")
        run_demo(loop, folder, seed, console, whole)
    write_table(loop, folders, results, read)
    console.print(f"the table is in {results}")


def _folder(loop: str, seed: int) -> Path:
    return Path(f"runs/demo_{loop}_seed{seed}")
