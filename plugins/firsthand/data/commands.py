"""`firsthand data ...`: data sets, from their owners' files to checked and registered rows."""

from pathlib import Path
from typing import Annotated

import typer

from firsthand.data.commands_check import check, leaks, show

app = typer.Typer(no_args_is_help=True, help="Data sets: built from their releases, checked, compared and shown.")


@app.command("list")
def list_() -> None:
    """Every data set that can be built, with its licence and where its owner keeps it.

    Example: firsthand data list
    """
    from firsthand.data.build.catalogue import RELEASES
    from firsthand.data.output import show_releases

    show_releases(RELEASES.values())


@app.command()
def build(
    name: Annotated[str, typer.Argument(help="A name of `firsthand data list`.")],
    src: Annotated[Path, typer.Option(help="The release's folder as its owner distributes it.")],
    out: Annotated[Path | None, typer.Option(help="Where the rows go (default: datasets/NAME).")] = None,
    purposes: Annotated[
        list[str] | None, typer.Option("--for", help="sft, rl or eval; may be given again (default: all it has).")
    ] = None,
    video: Annotated[
        bool, typer.Option("--video", help="rl and eval: frames as one video with its true rate, not as timed images.")
    ] = False,
    system: Annotated[
        Path | None, typer.Option(help="A text file that replaces the system prompt in all rows.")
    ] = None,
    pattern: Annotated[
        str | None, typer.Option("--files", help="Other files below the folder, for example 'cot10_*.json'.")
    ] = None,
    hold_out: Annotated[
        list[str] | None, typer.Option(help="rl: this person's questions go into rl_dev.parquet; may be given again.")
    ] = None,
    style: Annotated[
        str | None, typer.Option(help="rl and eval, questions for an agent: ego_r1, ego_r1_brief or ego_r1_native.")
    ] = None,
    without: Annotated[
        list[Path] | None,
        typer.Option(help="Leave out what this file of rows asks, for example an rl_dev.parquet; may be given again."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Read this many rows of each file.")] = None,
) -> None:
    """Convert a release into rows for LLaMA-Factory, veRL and evaluation.

    Rows that cannot be converted are listed in OUT/dropped.jsonl with file, row and reason; the others are kept, and
    the exit code is 1.

    Example: firsthand data build egocross_support --src ~/EgoCross_support_set --for sft
    """
    from firsthand import files
    from firsthand.data.build import build as building
    from firsthand.data.build.catalogue import release
    from firsthand.data.output import progress, show_built
    from firsthand.errors import UserError
    from firsthand.rollout.prompt import AGENT_STYLES

    chosen = release(name)
    for purpose in purposes or []:
        if purpose not in building.FILES:
            raise UserError(f"--for {purpose}: choose {', '.join(building.FILES)}")
    if style and style not in AGENT_STYLES:
        raise UserError(f"--style {style}: no agent's; choose {', '.join(AGENT_STYLES)}")
    if style and "sft" in (purposes or chosen.inputs):
        raise UserError("--style: chains to learn from keep the dialect that they were written in; add --for rl")
    if hold_out and "rl" not in (purposes or chosen.inputs):
        raise UserError("--hold-out divides the rows for reinforcement learning; add --for rl")
    text = files.read_text(system).strip() if system else None
    people, asked = tuple(hold_out or ()), tuple(map(str, without or ()))
    options = building.Options(limit, video, pattern, text, people, style, asked)  # type: ignore[arg-type]
    out = out or Path("datasets") / name
    with progress() as tick:
        built = building.build(chosen, src, out, tuple(purposes or ()), options, tick)  # type: ignore[arg-type]
    show_built(chosen, out, built)
    raise typer.Exit(1 if any(part.dropped for part in built.values()) else 0)


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A name of `firsthand data list`.")],
    hub: Annotated[str | None, typer.Option("--from", help="hf or modelscope (default: where it is kept).")] = None,
    out: Annotated[Path | None, typer.Option(help="Where the files go (default: datasets/NAME/release).")] = None,
    endpoint: Annotated[str | None, typer.Option(help="Address of a mirror of the hub.")] = None,
) -> None:
    """Get a release from Hugging Face or ModelScope as its owner distributes it; prints licence and terms first.

    Example: firsthand data fetch egocross_support --from modelscope
    """
    from firsthand.data.build import fetch as fetching
    from firsthand.data.build.catalogue import release

    chosen = release(name)
    where = fetching.choose(chosen, hub)
    typer.echo(f"{where.repo} ({where.client})\nlicence: {chosen.licence}\n{chosen.terms}")
    out = fetching.fetch(chosen, hub, out or Path("datasets") / name / "release", endpoint)
    typer.echo(f"it is in {out}; now: firsthand data build {name} --src {out}")


@app.command()
def register(
    file: Annotated[Path, typer.Option(help="LLaMA-Factory's registry.")] = Path("dataset_info.json"),
    check_only: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 1 when an entry is missing or does not fit.")
    ] = False,
) -> None:
    """Write the entries of all data sets into dataset_info.json, with columns and tags; other entries stay.

    An entry whose file holds rows of the native dialect gets the column of their tools and the tag of their results.

    Example: firsthand data register --check
    """
    from firsthand.data import registry

    if check_only:
        found = registry.problems(file)
        for problem in found:
            typer.echo(problem)
        raise typer.Exit(1 if found else 0)
    changed = registry.register(file)
    typer.echo(f"{file}: {', '.join(changed) or 'nothing to change'}")


for checking in (check, leaks, show):
    app.command()(checking)
