"""`firsthand egoagent eval` and `compare`: what a trained model knows, beside every baseline and beside others."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)


@app.command("eval")
def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="output_dir of a run of `firsthand egoagent train`.")],
    data: Annotated[
        Path,
        typer.Argument(help="Folder with shards/val, shards/train, labels/NAME/train and val; each may be missing."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of results.json and results.md.")],
    steps: Annotated[int, typer.Option(min=1, max=20, help="Steps of a clip.")] = 4,
    clips: Annotated[int, typer.Option(min=2, help="Clips at most, without overlap, spread over the set.")] = 256,
    few: Annotated[int, typer.Option(min=1, help="Labelled images of the small bank of kNN.")] = 120,
    bank: Annotated[int | None, typer.Option(min=1, help="Labelled images of the large bank; without it all.")] = None,
    labels: Annotated[
        list[str] | None, typer.Option(help="A folder of labels that kNN is measured on; repeat it. Without it: all.")
    ] = None,
    backbone: Annotated[
        str | None, typer.Option(help="A vision model of transformers whose frozen features are compared.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Clips or images at a time.")] = 64,
    workers: Annotated[int, typer.Option(min=0, help="Processes that decode images for kNN.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the small bank and of the untrained model.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Measure kNN of the features, retrieval of the next state and 3D motion, each beside every baseline.

    What DATA does not hold is not measured, and said.

    Example: firsthand egoagent eval runs/egoagent/tiny_stage2 datasets/rounds --out runs/egoagent/tiny_stage2/eval
    """
    from firsthand.egoagent.evaluation.evaluate import evaluate as evaluate_run
    from firsthand.egoagent.evaluation.results import markdown
    from firsthand.egoagent.evaluation.settings import Settings
    from firsthand.progress import progress_bar

    settings = Settings(steps, clips, few, bank, labels, backbone, batch, workers, seed, device)
    with progress_bar() as bar:
        tasks: dict[str, int] = {}

        def progress(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=total)
            bar.update(tasks[name], completed=done)  # type: ignore[arg-type]

        results = evaluate_run(checkpoint, data, out, settings, progress)
    typer.echo(markdown(results))
    typer.echo(f"{out}/results.json and results.md")


@app.command()
def compare(
    evaluations: Annotated[list[Path], typer.Argument(help="results.json of each `firsthand egoagent eval`.")],
) -> None:
    """Print several evaluations beside one another, and how many hold the bars of the small world.

    Example: firsthand egoagent compare runs/seed1/eval/results.json runs/seed2/eval/results.json
    """
    from firsthand.egoagent.evaluation.results import read_results
    from firsthand.egoagent.evaluation.side_by_side import side_by_side

    typer.echo(side_by_side([str(path.parent) for path in evaluations], [read_results(path) for path in evaluations]))
