"""`firsthand data ...`: data sets, from their owners' files to checked and registered rows."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from firsthand.data.read.data_file import Source

app = typer.Typer(no_args_is_help=True, help="Data sets: built from their releases, checked, compared and shown.")

Name = Annotated[str, typer.Argument(metavar="FILE|NAME", help="A data file, or a name of dataset_info.json.")]
Model = Annotated[str | None, typer.Option(help="Whose processor and chat template (default: the recipe's).")]
Recipe = Annotated[Path | None, typer.Option(help="Limits of this SFT or GRPO recipe.")]
Root = Annotated[Path | None, typer.Option(help="Where media paths start (default: the recipe's, or beside the file).")]
Folder = Annotated[Path | None, typer.Option(help="Folder of dataset_info.json (default: the recipe's, or here).")]
Listed = Annotated[int, typer.Option(min=1, help="How many to list of each kind.")]
Workers = Annotated[int, typer.Option(min=0, help="Processes; 0 means one a core, at most 8.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


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
    max_frames: Annotated[
        int | None,
        typer.Option(
            min=2, help="sft and rl: of more frames as images, this many are kept, first and last among them."
        ),
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
        raise UserError(f"--style {style}: not an agent's style; choose {', '.join(AGENT_STYLES)}")
    if style and "sft" in (purposes or chosen.inputs):
        raise UserError("--style: chains to learn from keep the dialect that they were written in; add --for rl")
    if hold_out and "rl" not in (purposes or chosen.inputs):
        raise UserError("--hold-out divides the rows for reinforcement learning; add --for rl")
    text = files.read_text(system).strip() if system else None
    people, asked = tuple(hold_out or ()), tuple(map(str, without or ()))
    options = building.Options(limit, video, pattern, text, people, style, asked, max_frames)  # type: ignore[arg-type]
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


@app.command()
def check(
    name: Name,
    model: Model = None,
    recipe: Recipe = None,
    root: Root = None,
    dataset_dir: Folder = None,
    decode: Annotated[bool, typer.Option("--decode", help="Decode all media too; goes on where it was.")] = False,
    cache: Annotated[Path | None, typer.Option(help="What was decoded (default: ~/.cache/firsthand).")] = None,
    rows: Listed = 5,
    workers: Workers = 0,
    as_json: AsJson = False,
) -> None:
    """Check every row of a data file without decoding a pixel; exit code 1 when a row would break or be lost.

    Example: firsthand data check toy_choice --recipe recipes/tiny_sft_qwen3vl_lora.yaml
    """
    from firsthand import workers as pool
    from firsthand.data.check import decode as decoding
    from firsthand.data.check import output, run, token_count
    from firsthand.data.output import progress

    found, chosen = _source(name, model, recipe, root, dataset_dir)
    counter = token_count.Counter(chosen) if chosen else None
    decoded = decoding.Decoded(cache or decoding.default_cache()) if decode else None
    with progress() as tick:
        report = run.check(found, counter, workers or pool.default_workers(), rows, decoded, tick)
    if as_json:
        typer.echo(output.as_json(report))
    else:
        output.show(report)
    raise typer.Exit(0 if report.ok else 1)


@app.command()
def leaks(
    train: Annotated[str, typer.Argument(metavar="TRAIN", help="A data file, or a name of dataset_info.json.")],
    test: Annotated[str, typer.Argument(metavar="TEST", help="The file that must share nothing with it.")],
    root: Annotated[Path | None, typer.Option(help="Where media paths of TRAIN start (default: beside it).")] = None,
    test_root: Annotated[Path | None, typer.Option(help="Where those of TEST start (default: beside it).")] = None,
    dataset_dir: Folder = None,
    distance: Annotated[
        int, typer.Option(min=0, max=32, help="Of 256 bits, how many alike frames may differ in.")
    ] = 10,
    ignore: Annotated[list[str], typer.Option(help="A kind to leave out: id, question, video, time, frame.")] = [],  # noqa: B006
    rows: Listed = 10,
    workers: Workers = 0,
    as_json: AsJson = False,
) -> None:
    """Compare a training file with its test: ids, questions, videos, times of a person, frames; exit code 1 with pairs.

    Example: firsthand data leaks datasets/toy/choice_sft.json datasets/toy/choice_test.jsonl
    """
    from firsthand import workers as pool
    from firsthand.data.leaks import compare as leaking
    from firsthand.data.output import progress
    from firsthand.data.read import data_file
    from firsthand.errors import UserError

    for kind in ignore:
        if kind not in leaking.KINDS:
            raise UserError(f"--ignore {kind}: the kinds are {', '.join(leaking.KINDS)}")
    named = ((train, root), (test, test_root))
    sources = [data_file.find(name, dataset_dir or Path(), folder) for name, folder in named]
    with progress() as tick:
        facts = [
            leaking.facts(one, workers or pool.default_workers(), partial(tick, f"frames of {one.file}"))
            for one in sources
        ]
    found = [leak for leak in leaking.compare(facts[0], facts[1], distance) if leak.kind not in ignore]
    if as_json:
        typer.echo(leaking.as_json(sources, facts, found))
    else:
        leaking.show(sources, facts, found, rows)
    raise typer.Exit(1 if found or any(one.unread for one in facts) else 0)


@app.command()
def show(
    name: Name,
    row: Annotated[int, typer.Argument(min=1, help="Number of the row, as `firsthand data check` gives it.")],
    model: Model = None,
    recipe: Recipe = None,
    root: Root = None,
    dataset_dir: Folder = None,
    html: Annotated[Path | None, typer.Option(help="Write one self-contained page here too.")] = None,
) -> None:
    """Show the exact prompt of one row as the model sees it: turns, frames with their times, tokens.

    Example: firsthand data show toy_choice 845 --recipe recipes/tiny_sft_qwen3vl_lora.yaml --html row.html
    """
    from firsthand.data import show as showing
    from firsthand.data.check import token_count
    from firsthand.errors import UserError
    from firsthand.files import spare, write_text

    found, chosen = _source(name, model, recipe, root, dataset_dir)
    if chosen is None:
        raise UserError("whose prompt? name a --model, or a --recipe that names one")
    spare([found.file], html)
    shown = showing.show(found, row, token_count.Counter(chosen), chosen)
    if html:
        write_text(html, showing.as_html(shown))
    typer.echo(showing.as_text(shown))


def _source(
    name: str, model: str | None, recipe: Path | None, root: Path | None, dataset_dir: Path | None
) -> tuple["Source", str | None]:
    """What is named, with the limits of the recipe, and the model to look through."""
    from firsthand.data.read import data_file
    from firsthand.recipe import limits

    if recipe is None:
        return data_file.find(name, dataset_dir or Path(), root), model
    said = limits.read(recipe)
    return data_file.find(name, dataset_dir or said.dataset_dir, root or said.root, said.limits), model or said.model
