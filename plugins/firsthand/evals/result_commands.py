"""`firsthand eval`, what stands around the runs: which benchmarks there are, which differences are real."""

from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer()


def say(title: str, grids: list[Any], notes: list[str], out: Path | None, content: Any) -> None:
    """Prints tables; with `out`, they go to out.md and their numbers to out.json."""
    from rich.console import Console

    from firsthand.evals.tables import as_markdown, print_grids
    from firsthand.files import write_json, write_text

    if out:
        write_json(f"{out}.json", content)
        write_text(f"{out}.md", as_markdown(title, grids, notes))
    print_grids(grids, notes, Console(highlight=False, markup=False))


@app.command()
def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Folders of `eval run`; each is compared with the first one of its benchmark."),
    ],
    metric: Annotated[str | None, typer.Option(help="The benchmark's metric; default: its first.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap and of random sign flips.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Also write OUT.json and OUT.md.")] = None,
) -> None:
    """Which differences are real: paired intervals and tests, corrected over all benchmarks, and how many questions
    it takes to see them.

    Runs of one benchmark must have asked the same questions.

    Example: firsthand eval compare runs/egocross/base runs/egocross/grpo runs/egolife_qa/base runs/egolife_qa/grpo
    """
    from firsthand.evals import compare_runs
    from firsthand.evals.run_folder import Folder

    found = compare_runs.compare_runs([Folder(path) for path in runs], metric, seed)
    content = [one.model_dump() | {"real": one.real} for one in found]
    say("Comparisons", compare_runs.grids(found), compare_runs.notes(found), out, content)
