"""`firsthand view`: one command, no verbs."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def view(
    run: Annotated[Path, typer.Argument(help="Folder of a training run or of episodes, or one JSONL of episodes.")],
    out: Annotated[Path, typer.Option(help="The page to write; a large one gets a folder beside it.")] = Path(
        "view.html"
    ),
    store: Annotated[
        Path | None, typer.Option(help="Show small frames from this frame store, or that of a tools YAML.")
    ] = None,
) -> None:
    """Learning curves, what the tools did, and every trajectory turn by turn, on a page that opens without a server.

    Exit code 1, after the page is written, when lines of the run could not be read.

    Example: firsthand view runs/grpo --store recipes/toy/tools.yaml
    """
    from firsthand.pages.run.build import build

    built = build(run, out, store=store)
    parts = f" with {built.chunks.name}/ (keep both together)" if built.chunks else ""
    typer.echo(f"{out}{parts}: {built.size / 1e6:.1f} MB, {built.trajectories:,} trajectories, {built.curves:,} curves")
    if built.ignored:
        typer.echo(f"not looked at: {', '.join(path.name for path in built.ignored)}")
    if built.missing_frames:
        typer.secho(f"{built.missing_frames} frames are not in {store}", fg="yellow", err=True)
    for line in built.unread[:10]:
        typer.secho(f"left out: {line}", fg="yellow", err=True)
    if built.unread:
        typer.secho(f"{len(built.unread)} lines could not be read", fg="yellow", err=True)
        raise typer.Exit(1)
