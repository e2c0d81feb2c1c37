"""`firsthand data check`, `leaks` and `show`: what a data file holds, before it costs GPU hours."""

from pathlib import Path
from typing import Annotated

import typer


def check(
    name: Annotated[str, typer.Argument(metavar="FILE|NAME", help="A data file, or a name of dataset_info.json.")],
    model: Annotated[str | None, typer.Option(help="Count tokens as this model does (default: the recipe's).")] = None,
    recipe: Annotated[Path | None, typer.Option(help="Limits of this SFT or GRPO recipe.")] = None,
    root: Annotated[
        Path | None, typer.Option(help="Where media paths start (default: beside the file).")
    ] = None,
    dataset_dir: Annotated[Path | None, typer.Option(help="Folder of dataset_info.json (default: as above).")] = None,
    decode: Annotated[bool, typer.Option("--decode", help="Decode all media too; goes on where it was.")] = False,
    cache: Annotated[Path | None, typer.Option(help="What was decoded (default: ~/.cache/firsthand).")] = None,
    rows: Annotated[int, typer.Option(min=1, help="Rows to list of each kind of problem.")] = 5,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 means one a core, at most 8.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Check every row of a data file without decoding a pixel; exit code 1 when a row would break or be lost.

    Example: firsthand data check toy_choice --recipe recipes/tiny_sft_lora_qwen3vl.yaml
    """
    from firsthand.data.check import decode as decoding
    from firsthand.data.check import output, pool, run, source, vision
    from firsthand.data.check import recipe as recipes

    said = recipes.read(recipe) if recipe else None
    found = source.find(
        name,
        dataset_dir or (said.dataset_dir if said else Path()),
        root or (said.root if said else None),
        said.limits if said else None,
    )
    chosen = model or (said.model if said else None)
    counter = vision.Counter(chosen) if chosen else None
    decoded = decoding.Decoded(cache or decoding.default_cache()) if decode else None
    with _bar() as bar:
        tasks = {what: bar.add_task(what, total=None, visible=False) for what in ("rows", "decoding")}

        def tick(what: str, done: int, total: int) -> None:
            bar.update(tasks[what], completed=done, total=total, visible=True)

        report = run.check(found, counter, workers or pool.default_workers(), rows, decoded, tick)
    if as_json:
        typer.echo(output.as_json(report))
    else:
        output.show(report)
    raise typer.Exit(0 if report.ok else 1)


def _bar():
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)
