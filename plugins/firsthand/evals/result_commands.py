"""`firsthand eval`, what stands around the runs: which benchmarks there are, which differences are real."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from firsthand.evals.benchmarks import Benchmark

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


@app.command("list")
def list_() -> None:
    """The benchmarks: what they ask, how they are scored, where their rows lie, what is missing and where to get it.

    Example: firsthand eval list
    """
    from firsthand.evals.benchmarks import SUITE
    from firsthand.evals.shelf import described

    for benchmark in SUITE.values():
        typer.echo(described(benchmark))


@app.command()
def prepare(
    name: Annotated[str, typer.Argument(help="A name of `firsthand eval list`.")],
    source: Annotated[Path, typer.Option("--from", help="The release's folder as its owner distributes it.")],
) -> None:
    """The rows of a benchmark out of its owner's files, counted against the published number.

    The same as `firsthand data build` for evaluation, which has more options.

    Example: firsthand eval prepare egolife_qa --from ~/EgoLife
    """
    from firsthand.data.output import progress, show_built
    from firsthand.evals.shelf import known
    from firsthand.evals.shelf import prepare as prepare_benchmark

    benchmark = known(name)
    with progress() as tick:
        release, built = prepare_benchmark(benchmark, source, tick)
    show_built(release, benchmark.questions.parent, {"eval": built})
    raise typer.Exit(1 if built.dropped else 0)


@app.command()
def submit(
    name: Annotated[str, typer.Argument(help="A benchmark whose owner takes submissions.")],
    run: Annotated[Path, typer.Argument(help="Folder of `eval run NAME`, or its answers.")],
    template: Annotated[Path, typer.Option(help="The owner's template, such as submission_template.json.")],
    out: Annotated[Path, typer.Option(help="The file to upload.")] = Path("submission.zip"),
    unanswered: Annotated[
        Literal["error", "A", "B", "C", "D", "random"],
        typer.Option(help="What a question without a letter gets; random is seeded."),
    ] = "error",
    seed: Annotated[int, typer.Option(help="Seed of --unanswered random.")] = 0,
) -> None:
    """The file that the owner's server takes, checked row by row; `firsthand submit NAME --help` says the same of one.

    Example: firsthand eval submit egocross runs/egocross/sft --template submission_template.json --unanswered A
    """
    from firsthand.evals.shelf import submission_of

    counts = submission_of(name)(run, template, out, unanswered, seed)
    typer.echo(f"{out}: {counts['answered']} answers, {counts['filled']} filled by --unanswered {unanswered}")


@app.command("export-lmms")
def export_lmms(
    name: Annotated[str, typer.Argument(help="A name of `firsthand eval list`, or a FILE.jsonl of questions.")],
    out: Annotated[Path, typer.Option(help="Folder of tasks; the task becomes a folder in it.")],
    media_root: Annotated[
        Path | None, typer.Option(help="Frames are below this folder; default: the benchmark's own.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N questions.")] = None,
) -> None:
    """A task folder for lmms-eval 0.7.3, which asks and scores the same questions without firsthand.

    The folder has a README.md with the command to run it and what it does in another way.

    Example: firsthand eval export-lmms egocross --out tasks
    """
    from firsthand.evals.lmms.export import export

    benchmark = _benchmark(name)
    count = export(benchmark, out, media_root, limit)
    typer.echo(f"{out}/{benchmark.name}: {count} questions; how to run it is in its README.md")


@app.command("import-lmms")
def import_lmms(
    name: Annotated[str, typer.Argument(help="The benchmark or FILE.jsonl that was exported.")],
    samples: Annotated[Path, typer.Argument(help="The *_samples_*.jsonl that lmms-eval logged.")],
    task: Annotated[Path, typer.Option(help="The task's folder, as `eval export-lmms` made it.")],
    out: Annotated[Path, typer.Option(help="Folder of the run that is made of it.")],
) -> None:
    """The outputs that lmms-eval logged, as a run: scored, compared and shown like any other.

    Example: firsthand eval import-lmms egocross out/m/x_samples_y.jsonl --task tasks/egocross --out runs/egocross/lmms
    """
    from firsthand.evals.commands import write
    from firsthand.evals.lmms.bring_back import bring_back

    folder, count, failed = bring_back(_benchmark(name), samples, task, out)
    write([folder], folder.path / "results")
    typer.echo(f"{count} answers -> {out}; {failed} have none, because their requests failed")


def _benchmark(name: str) -> "Benchmark":
    """Of the list, or the questions of a file."""
    from dataclasses import replace

    from firsthand.evals.run_folder import of_file
    from firsthand.evals.shelf import known

    path = Path(name)
    return replace(of_file(path), name=path.stem) if path.suffix == ".jsonl" else known(name)
