"""`firsthand eval page`; the other verbs of `firsthand eval` are in `evals`, which knows no pages."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def page(
    runs: Annotated[list[Path], typer.Argument(help="Folders of `eval run` on the same questions.")],
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("results.html"),
    media_root: Annotated[
        Path | None, typer.Option(help="Frames are below this folder; default: the benchmark's own.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, help="Questions to browse; those that runs answer differently first.")
    ] = (5000),
    frames: Annotated[int, typer.Option(min=0, help="Frames of a question at most, evenly spaced.")] = 6,
) -> None:
    """Scores with intervals and chance, which questions flipped, and every question: frames, prompt, output, verdict.

    One file, which opens without a server or a network.

    Example: firsthand eval page runs/egocross/base runs/egocross/grpo --out grpo.html
    """
    from firsthand.evals.run_folder import Folder
    from firsthand.pages.results.build import build

    built = build([Folder(path) for path in runs], out, media_root, limit=limit, frames=frames)
    typer.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB, {built.shown} of {built.questions} questions")
    if built.missing:
        typer.secho(f"{built.missing} frames were not found; say --media-root", fg="yellow", err=True)
