"""`firsthand data check`, `leaks` and `show`: what a data file holds, before it costs GPU hours."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from firsthand.data.read.data_file import Source

Name = Annotated[str, typer.Argument(metavar="FILE|NAME", help="A data file, or a name of dataset_info.json.")]
Model = Annotated[str | None, typer.Option(help="Whose processor and chat template (default: the recipe's).")]
Recipe = Annotated[Path | None, typer.Option(help="Limits of this SFT or GRPO recipe.")]
Root = Annotated[Path | None, typer.Option(help="Where media paths start (default: the recipe's, or beside the file).")]
Folder = Annotated[Path | None, typer.Option(help="Folder of dataset_info.json (default: the recipe's, or here).")]
Listed = Annotated[int, typer.Option(min=1, help="How many to list of each kind.")]
Workers = Annotated[int, typer.Option(min=0, help="Processes; 0 means one a core, at most 8.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


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
    from firsthand.files import write_text

    found, chosen = _source(name, model, recipe, root, dataset_dir)
    if chosen is None:
        raise UserError("whose prompt? name a --model, or a --recipe that names one")
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
