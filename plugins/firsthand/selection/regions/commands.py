"""The verbs of `firsthand select` that are about regions."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import typer

from firsthand.errors import UserError
from firsthand.progress import with_bar

FinderName = Literal["clip_grid", "detector", "precomputed", "centre", "random"]
Data = Annotated[Path, typer.Argument(help="Rows of `firsthand data build`: an eval.jsonl or a parquet file of veRL.")]
Root = Annotated[Path | None, typer.Option(help="Folder of the media; by default that of the rows.")]
Frames = Annotated[int, typer.Option(min=1, help="Frames that are looked at, evenly over those of a row.")]
Fps = Annotated[float, typer.Option(min=0.01, help="Rate at which a video file is sampled first.")]
Regions = Annotated[Path, typer.Option(help="The file of regions.")]
Label = Annotated[str, typer.Option(help="Only rows with this label.")]
Device = Annotated[str, typer.Option(help="Where the model runs: cpu, cuda, cuda:1.")]


def regions(
    data: Data,
    finder: Annotated[FinderName, typer.Option(help="What finds them; centre and random are to compare with.")],
    out: Annotated[Path, typer.Option(help="File of the regions; OUT.log beside it lets a killed run go on.")],
    root: Root = None,
    label: Label = "",
    model: Annotated[str | None, typer.Option(help="CLIP or SigLIP for clip_grid, OWLv2 or GroundingDINO.")] = None,
    text: Annotated[
        str, typer.Option(help="What is looked for: {question}, {answer} and the row's labels are filled in.")
    ] = "{question}",
    prior: Annotated[
        float, typer.Option(help="clip_grid: what a window at the lower edge, where hands are, scores more.")
    ] = 0.5,
    threshold: Annotated[float, typer.Option(help="detector: the least score of a box.")] = 0.1,
    given: Annotated[Path | None, typer.Option("--from", help="precomputed: the file of regions to take.")] = None,
    frames: Frames = 16,
    fps: Fps = 2.0,
    device: Device = "cpu",
    shown: Annotated[int, typer.Option("--sheet", help="Rows on the contact sheet OUT.html; 0: none.")] = 48,
) -> None:
    """Find in each row the box in which hands meet a thing: frame by frame, resumable, with a contact sheet.

    Example: firsthand select regions datasets/toy_ego3s/ego3s_grpo_train.parquet --finder clip_grid
    --model models/tiny_clip --text "{held}" --out runs/regions.jsonl
    """
    from firsthand import files
    from firsthand.selection.regions.find import find_all
    from firsthand.selection.regions.sheet import sheet
    from firsthand.selection.regions.shown import Shown, read_shown

    files.spare([data, *([given] if given else [])], out)
    found_by, settings = _finder(finder, model, text, prior, threshold, given, device)
    rows, media = read_shown(data, label), root or data.parent
    settings |= {"frames": frames, "fps": fps}

    def pictures(row: Shown):
        return row.pictures(media, frames, fps)

    done = with_bar("regions", lambda tick: find_all(rows, found_by, pictures, out, settings, tick))
    if shown:
        files.write_text(out.with_suffix(".html"), sheet(rows, done.regions, done.missing, pictures, shown))
    without = sum(not region.found for region in done.regions)
    typer.echo(f"{out}: {len(done.regions)} rows ({done.resumed} were there), {without} of them without a box")
    if done.missing:
        typer.echo(f"{len(done.missing)} rows have no readable pictures or text; {out}.missing.jsonl says why")
        raise typer.Exit(1)


def _finder(name: str, model: str | None, text: str, prior: float, threshold: float, given: Path | None, device: str):
    """The finder, and what its regions depend on."""
    from firsthand.selection.regions import finders
    from firsthand.selection.regions.clip_grid import ClipGrid
    from firsthand.selection.regions.detector import Detector

    if name in ("clip_grid", "detector") and not model:
        raise UserError(f"--finder {name} needs --model: a folder, or a name on the hub of Hugging Face")
    settings = {"finder": name, "model": model}
    if name == "clip_grid":
        return ClipGrid(_similarity(str(model), device), text, prior), settings | {"text": text, "prior": prior}
    if name == "detector":
        detector = Detector(_there(str(model)), text, threshold, device)
        detector.load()
        return detector, settings | {"text": text, "threshold": threshold}
    if name == "precomputed":
        if given is None:
            raise UserError("--finder precomputed needs --from: a file of regions")
        return finders.Precomputed.of(given), settings | {"from": str(given)}
    return (finders.Centre() if name == "centre" else finders.Random()), settings


def _similarity(model: str, device: str):
    from firsthand.similarity import Similarity

    found = Similarity(_there(model), device)
    found.load()
    return found


def _there(model: str) -> str:
    """A folder that is not there would be looked for on the hub, for minutes where there is no network."""
    from firsthand.recipe.named_files import exists, is_local

    if is_local(model) and not exists(model):
        raise UserError(f"{model}: no such folder")
    return model


def region_table(
    found: Annotated[list[Path], typer.Argument(help="Files of regions.")],
    truth: Annotated[Path, typer.Option(help="The file of true regions.")],
    out: Annotated[Path | None, typer.Option(help="The same as JSON.")] = None,
) -> None:
    """How good finders are where the truth is known: centre in the true box, IoU, with 95 % intervals over rows.

    Example: firsthand select region-table runs/*.regions.jsonl --truth datasets/toy_ego3s/ego3s_regions.jsonl
    """
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from firsthand import files
    from firsthand.selection import region_file
    from firsthand.selection.regions.measure import MEASURES, measured

    true = region_file.read(truth)
    table, values = Table("regions", "n", *MEASURES), {}
    for path in found:
        done = measured(region_file.read(path), true)
        cells = [
            f"{mean:.2f} ({low:.2f}-{high:.2f})" for mean, (low, high) in zip(done.means, done.intervals, strict=False)
        ]
        table.add_row(path.stem, str(done.n), *cells)
        values[path.stem] = asdict(done)
    Console().print(table)
    if out:
        files.write_json(out, values)


def calibrate(
    data: Data,
    regions: Regions,
    model: Annotated[str, typer.Option(help="CLIP or SigLIP: a folder, or a name on the hub of Hugging Face.")],
    text: Annotated[str, typer.Option(help="The right name of what a crop shows, from the row's labels.")] = "{held}",
    generic: Annotated[str, typer.Option(help="Words that should name nothing, by comma.")] = "hand,thing,table",
    root: Root = None,
    frames: Frames = 16,
    fps: Fps = 2.0,
    device: Device = "cpu",
    out: Annotated[Path | None, typer.Option(help="The figures as JSON.")] = None,
) -> None:
    """The cosine from which on a name belongs to a crop, for one model, on crops whose name is known.

    Example: firsthand select calibrate datasets/toy_ego3s/ego3s_test.jsonl
    --regions datasets/toy_ego3s/ego3s_regions.jsonl --model models/tiny_clip
    """
    from firsthand import files
    from firsthand.selection.regions.calibrate import calibrate as calibrated
    from firsthand.selection.regions.clip_grid import text_of
    from firsthand.selection.regions.shown import read_shown

    names: dict[str, str] = {}
    rows = read_shown(data)
    for name, row in rows.items():
        with suppress(UserError):  # a row without a name is no labelled crop
            names[name] = text_of(row, text)
    similarity = _similarity(model, device)
    vectors, missing = _vectors(data, regions, similarity, root, frames, fps, only=set(names))
    found = calibrated(vectors, names, similarity, [word.strip() for word in generic.split(",") if word.strip()])
    left_out = [f"{len(missing)} rows have a name and no region", f"{len(rows) - len(names)} rows have no name"]
    typer.echo("\n".join([*found.lines(), *left_out]))
    if out:
        files.write_json(out, found.as_json())


def embed(
    data: Data,
    regions: Regions,
    model: Annotated[str, typer.Option(help="CLIP or SigLIP: a folder, or a name on the hub of Hugging Face.")],
    out: Annotated[Path, typer.Option(help="File of the embeddings (.npz), for reward_fns/ego3s.py.")],
    root: Root = None,
    frames: Frames = 16,
    fps: Fps = 2.0,
    device: Device = "cpu",
) -> None:
    """Embed the crop of every region once, so that training needs no picture and no vision tower for its reward.

    Example: firsthand select embed datasets/toy_ego3s/ego3s_grpo_train.parquet
    --regions datasets/toy_ego3s/ego3s_regions.jsonl --model models/tiny_clip --out runs/regions.npz
    """
    vectors, missing = _vectors(data, regions, _similarity(model, device), root, frames, fps)
    if not vectors.of:
        raise UserError(f"{regions}: no row of {data} has a region there with a picture that can be read")
    vectors.write(out)
    typer.echo(f"{out}: {len(vectors.of)} rows; {len(missing)} without a region, which the reward leaves unmeasured")
    for name, why in list(missing.items())[:5]:
        typer.echo(f"  {name}: {why}")


def _vectors(data, regions, similarity, root, frames, fps, only: set[str] | None = None):
    from firsthand.selection import region_file
    from firsthand.selection.regions.crops import crops, embedded
    from firsthand.selection.regions.shown import read_shown

    media, missing = root or data.parent, dict[str, str]()
    rows = {name: row for name, row in read_shown(data).items() if only is None or name in only}
    found = crops(rows, region_file.read(regions), lambda row: row.pictures(media, frames, fps), missing)
    made = with_bar("crops", lambda tick: embedded(similarity, found, lambda done: tick(done, len(rows))))
    return made, missing
