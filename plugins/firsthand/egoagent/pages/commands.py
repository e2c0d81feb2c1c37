"""`firsthand egoagent page`: the page of a run."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)


@app.command()
def page(
    checkpoint: Annotated[Path, typer.Argument(help="output_dir of a run of `firsthand egoagent train`.")],
    data: Annotated[Path, typer.Argument(help="Folder with shards/val.")],
    out: Annotated[Path, typer.Option(help="The page to write.")],
    results: Annotated[Path | None, typer.Option(help="results.json of `firsthand egoagent eval`, shown too.")] = None,
    show: Annotated[int, typer.Option(min=1, help="Clips that are shown, spread over all.")] = 8,
    clips: Annotated[int, typer.Option(min=2, help="Clips at most, whose frames may be retrieved.")] = 256,
    steps: Annotated[int, typer.Option(min=1, max=20, help="Steps of a clip.")] = 4,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Losses and health as curves; for some clips what the model expects to see and to do, beside what came.

    Example: firsthand egoagent page runs/egoagent/tiny_stage2 datasets/rounds --out rollout.html
    """
    from firsthand.egoagent.pages.rollout import build
    from firsthand.progress import progress_bar

    with progress_bar() as bar:
        task = bar.add_task("clips", total=None)
        built = build(
            checkpoint, data, out, show, clips, steps, results, device,
            lambda done, total: bar.update(task, completed=done, total=total),
        )  # fmt: skip
    typer.echo(f"{out}: {built.clips} clips, {built.size / 1e6:.1f} MB")
