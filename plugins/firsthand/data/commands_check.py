"""`firsthand data check`, `leaks` and `show`: what a data file holds, before it costs GPU hours."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from firsthand.data.read.data_file import Source


def check(
    name: Annotated[str, typer.Argument(metavar="FILE|NAME", help="A data file, or a name of dataset_info.json.")],
    model: Annotated[str | None, typer.Option(help="Count tokens as this model does (default: the recipe's).")] = None,
    recipe: Annotated[Path | None, typer.Option(help="Limits of this SFT or GRPO recipe.")] = None,
    root: Annotated[Path | None, typer.Option(help="Where media paths start (default: beside the file).")] = None,
    dataset_dir: Annotated[Path | None, typer.Option(help="Folder of dataset_info.json (default: as above).")] = None,
    decode: Annotated[bool, typer.Option("--decode", help="Decode all media too; goes on where it was.")] = False,
    cache: Annotated[Path | None, typer.Option(help="What was decoded (default: ~/.cache/firsthand).")] = None,
    rows: Annotated[int, typer.Option(min=1, help="Rows to list of each kind of problem.")] = 5,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 means one a core, at most 8.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Check every row of a data file without decoding a pixel; exit code 1 when a row would break or be lost.

    Example: firsthand data check toy_choice --recipe recipes/tiny_sft_qwen3vl_lora.yaml
    """
    from firsthand import workers as pool
    from firsthand.data.check import decode as decoding
    from firsthand.data.check import output, run, token_count

    found, chosen = _source(name, model, recipe, root, dataset_dir)
    counter = token_count.Counter(chosen) if chosen else None
    decoded = decoding.Decoded(cache or decoding.default_cache()) if decode else None
    with _bar() as bar:
        ticks = {what: partial(_tick, bar, bar.add_task(what, visible=False)) for what in ("rows", "decoding")}
        report = run.check(
            found,
            counter,
            workers or pool.default_workers(),
            rows,
            decoded,
            lambda what, done, total: ticks[what](done, total),
        )
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
    dataset_dir: Annotated[Path, typer.Option(help="Folder of dataset_info.json.")] = Path(),
    distance: Annotated[
        int, typer.Option(min=0, max=32, help="Of 256 bits, how many alike frames may differ in.")
    ] = 10,
    ignore: Annotated[list[str], typer.Option(help="A kind to leave out: id, question, video, time, frame.")] = [],  # noqa: B006
    rows: Annotated[int, typer.Option(min=1, help="Pairs to list of each kind.")] = 10,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 means one a core, at most 8.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object with every pair.")] = False,
) -> None:
    """Compare a training file with its test: ids, questions, videos, times of a person, frames; exit code 1 with pairs.

    Example: firsthand data leaks datasets/toy/choice_sft.json datasets/toy/choice_test.jsonl
    """
    from firsthand import workers as pool
    from firsthand.data.leaks import compare as leaking
    from firsthand.data.read import data_file
    from firsthand.errors import UserError

    for kind in ignore:
        if kind not in leaking.KINDS:
            raise UserError(f"--ignore {kind}: the kinds are {', '.join(leaking.KINDS)}")
    sources = [data_file.find(train, dataset_dir, root), data_file.find(test, dataset_dir, test_root)]
    with _bar() as bar:
        facts = []
        for one in sources:
            tick = partial(_tick, bar, bar.add_task(f"frames of {one.file.name}", total=None))
            facts.append(leaking.facts(one, workers or pool.default_workers(), tick))
    found = [leak for leak in leaking.compare(facts[0], facts[1], distance) if leak.kind not in ignore]
    if as_json:
        typer.echo(leaking.as_json(sources, facts, found))
    else:
        leaking.show(sources, facts, found, rows)
    raise typer.Exit(1 if found or any(one.unread for one in facts) else 0)


def show(
    name: Annotated[str, typer.Argument(metavar="FILE|NAME", help="A data file, or a name of dataset_info.json.")],
    row: Annotated[int, typer.Argument(min=1, help="Number of the row, as `firsthand data check` gives it.")],
    model: Annotated[str | None, typer.Option(help="Whose template and processor (default: the recipe's).")] = None,
    recipe: Annotated[Path | None, typer.Option(help="Limits of this SFT or GRPO recipe.")] = None,
    root: Annotated[Path | None, typer.Option(help="Where media paths start (default: beside the file).")] = None,
    dataset_dir: Annotated[Path | None, typer.Option(help="Folder of dataset_info.json (default: as above).")] = None,
    html: Annotated[Path | None, typer.Option(help="Write one self-contained page here too.")] = None,
) -> None:
    """Show the exact prompt of one row as the model sees it: turns, frames with their times, tokens.

    Example: firsthand data show toy_choice 845 --recipe recipes/tiny_sft_qwen3vl_lora.yaml --html row.html
    """
    from firsthand.data import show as showing
    from firsthand.data.check import token_count as token_count
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
    from firsthand.data.read import data_file as data_file
    from firsthand.recipe.limits import read

    said = read(recipe) if recipe else None
    found = data_file.find(
        name,
        dataset_dir or (said.dataset_dir if said else Path()),
        root or (said.root if said else None),
        said.limits if said else None,
    )
    return found, model or (said.model if said else None)


def _tick(bar: "Progress", task: "TaskID", done: int, total: int) -> None:
    bar.update(task, completed=done, total=total, visible=True)


def _bar() -> "Progress":
    from rich.console import Console

    from firsthand.progress import progress_bar

    return progress_bar("percent", console=Console(stderr=True), transient=True)
