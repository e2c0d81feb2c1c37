"""`firsthand report`: one page from a run."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)


@app.callback()
def main() -> None:
    """One self-contained HTML page from a run."""


@app.command()
def build(
    run_dir: Annotated[Path, typer.Argument(help="The folder with report.json and the frames it names.")],
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("report.html"),
    trajectories: Annotated[int, typer.Option(min=0, help="How many trajectories to show, the first ones.")] = 10,
    frames: Annotated[int, typer.Option(min=1, help="How many frames of each to show at most, evenly spaced.")] = 12,
) -> None:
    """Curves, accuracy with intervals, and trajectories before and after, in one file that needs no network.

    Example: firsthand report build runs/toy --out report.html
    """
    from firsthand.pages.report.build import build as build_page

    report = build_page(run_dir, out, trajectories=trajectories, frames=frames)
    shown = min(trajectories, len(report.trajectories))
    typer.echo(
        f"{out}: {out.stat().st_size / 1e6:.1f} MB, {len(report.table)} models, {len(report.curves.series)} curves, "
        f"{shown} of {len(report.trajectories)} trajectories"
    )
