"""`firsthand submit`: the file that a benchmark's server takes."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Run = Annotated[Path, typer.Argument(help="Folder of `firsthand eval run`.")]

app = typer.Typer(no_args_is_help=True, help="The file that a benchmark's server takes, checked before it is uploaded.")


@app.callback()
def main() -> None:
    """The file that a benchmark's server takes, checked before it is uploaded."""


@app.command()
def egocross(
    predictions: Annotated[Path, typer.Argument(help="Folder or answers of `eval run egocross`, or a .json list.")],
    template: Annotated[Path, typer.Option(help="The release's submission_template.json.")],
    out: Annotated[Path, typer.Option(help="The zip to upload.")] = Path("submission.zip"),
    unanswered: Annotated[
        Literal["error", "A", "B", "C", "D", "random"],
        typer.Option(help="What a question without a letter gets; random is seeded."),
    ] = "error",
    seed: Annotated[int, typer.Option(help="Seed of --unanswered random.")] = 0,
) -> None:
    """Fill the template, check every row, write the zip and read it back.

    Example: firsthand submit egocross runs/egocross/sft --template submission_template.json --unanswered A
    """
    from firsthand.evals.egocross.submission import submit

    counts = submit(predictions, template, out, unanswered, seed)
    typer.echo(f"{out}: {counts['answered']} answers, {counts['filled']} filled by --unanswered {unanswered}")


@app.command("egoschema_full")
def egoschema_full(
    run: Run, out: Annotated[Path, typer.Option(help="The file to upload.")] = Path("egoschema.json")
) -> None:
    """Letters as the numbers 0 to 4, by `q_uid`. A question without a letter is left out, and is wrong there.

    Example: firsthand submit egoschema_full runs/egoschema_full/grpo
    """
    from firsthand.evals.run_folder import Folder
    from firsthand.evals.submissions import egoschema

    written, silent = egoschema(Folder(run), out)
    typer.echo(f"{out}: {written} answers; {silent} questions have no letter, and are not in it")


@app.command()
def egomemreason(
    run: Run,
    annotations: Annotated[Path, typer.Option(help="annotations_public.jsonl as its owner has it now.")],
    out: Annotated[Path, typer.Option(help="The file to upload.")] = Path("egomemreason.json"),
) -> None:
    """All 500 letters, by the annotations that were asked: letters of another version are refused.

    Example: firsthand submit egomemreason runs/egomemreason/grpo --annotations annotations_public.jsonl
    """
    from firsthand.evals.run_folder import Folder
    from firsthand.evals.submissions import egomemreason as submit_all

    typer.echo(f"{out}: {submit_all(Folder(run), out, annotations)} answers")
