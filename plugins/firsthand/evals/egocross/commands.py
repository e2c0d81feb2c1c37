"""`firsthand submit`: the file that a benchmark's server takes."""

from pathlib import Path
from typing import Annotated, Literal

import typer

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
