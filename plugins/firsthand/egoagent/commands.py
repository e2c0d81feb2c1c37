"""`firsthand egoagent ...`: the joint predictive model, trained and handed on."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from firsthand.egoagent.data.commands import app as data_app
from firsthand.egoagent.evaluation.commands import app as evaluation_app
from firsthand.egoagent.pages.commands import app as pages_app
from firsthand.errors import UserError

app = typer.Typer(no_args_is_help=True, help="EgoAgent: one model that represents, predicts what comes, and acts.")
app.add_typer(data_app)
app.add_typer(evaluation_app)
app.add_typer(pages_app)

Model = Annotated[Path, typer.Argument(help="A model's folder: OUTPUT_DIR/teacher or OUTPUT_DIR/student of a run.")]
Recipe = Annotated[Path, typer.Argument(help="A recipe of recipes/egoagent.")]
Overrides = Annotated[list[str] | None, typer.Argument(help="key.key=value, as in schedule.steps=100.")]


@app.command()
def train(
    recipe: Recipe,
    overrides: Overrides = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say command, memory and speed; start nothing.")] = False,
    gpus: Annotated[int, typer.Option(min=1, help="Of the dry run.")] = 1,
    teraflops: Annotated[
        float, typer.Option(help="Peak of one GPU of the dry run: 989 H100 and H200, 312 A100.")
    ] = 989,
    use: Annotated[float, typer.Option(min=0.01, max=1, help="Share of the peak that is reached, a guess.")] = 0.45,
) -> None:
    """Train a stage; the same command goes on where a killed run was. Code 3: a loss was not finite.

    On several GPUs or machines: launch/egoagent.sh, with the same words.

    Example: firsthand egoagent train recipes/egoagent/tiny_stage1_300m.yaml schedule.steps=100
    """
    from firsthand.egoagent.training.settings import read_recipe

    changes = list(overrides or [])
    given = read_recipe(recipe, changes)
    if dry_run:
        from firsthand.egoagent.dry_run import Planned, lines

        for line in lines(recipe, given, changes, Planned(gpus, teraflops, use)):
            typer.echo(line)
        return
    try:
        from firsthand.egoagent.data.batches import open_batches
        from firsthand.egoagent.training.train import NotFinite, Trainer
    except ModuleNotFoundError as error:
        raise UserError(
            f"{error.name} is not installed: training needs the extra `cpu` or `cuda` of firsthand"
        ) from None

    try:
        trainer = Trainer(given, open_batches(given))
        ended = trainer.run()
    except NotFinite as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(3) from None
    if trainer.accelerator.is_main_process:
        steps = trainer.progress.step
        typer.echo(f"{given.output_dir}: ended ({ended}) after {steps} steps; models in student/ and teacher/")


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="A .pt file of InternLM's layout, or a folder of model_tp0_pp*.pt.")],
    model: Annotated[Path, typer.Option(help="Sizes: a YAML such as recipes/egoagent/model_300m.yaml.")],
    out: Annotated[Path, typer.Option(help="Folder of the new model.")],
) -> None:
    """Read a trunk of InternLM's layout into a model whose other parts are new.

    Example: firsthand egoagent import ckpt/ --model recipes/egoagent/model_300m.yaml --out models/imported
    """
    from firsthand import files
    from firsthand.egoagent.convert import import_trunk
    from firsthand.egoagent.model.config import EgoAgentConfig

    read = import_trunk(source, EgoAgentConfig(**files.read_yaml(model)), out)
    typer.echo(f"{out}: {read} weights of the trunk; stem, queries and heads are new and untrained")


@app.command()
def export(
    model: Model,
    out: Annotated[Path, typer.Option(help="Folder of the features, or the .pt file of a trunk.")],
    what: Annotated[
        Literal["features", "trunk"], typer.Option(help="features: image to vector. trunk: InternLM's layout.")
    ] = "features",
    pixels: Annotated[int, typer.Option(help="Side of the images that features.pt2 takes.")] = 224,
) -> None:
    """Hand on what a run has learnt: a vision backbone for AutoModel and for plain torch, or the trunk.

    Example: firsthand egoagent export runs/egoagent_stage2_300m/teacher --out models/features
    """
    from firsthand.egoagent.convert import export_features, export_trunk

    if what == "trunk":
        export_trunk(model, out)
    else:
        export_features(model, out, pixels)
    typer.echo(f"{out}: {what} of {model}")
