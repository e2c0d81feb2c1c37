"""`firsthand egoagent straighten` and `shards`: real data into what training reads."""

from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(no_args_is_help=True)


@app.command()
def straighten(
    root: Annotated[Path, typer.Argument(help="Folder of Ego-Exo4D, with takes/NAME/frame_aligned_videos/...")],
    calibrations: Annotated[
        Path | None, typer.Option(help="Folder of NAME.json with calibrations; without it they come from VRS files.")
    ] = None,
    as_released: Annotated[
        bool, typer.Option("--as-released", help="As EgoAgent's release: no turn to the sensor's side, no crop.")
    ] = False,
    max_bad: Annotated[
        float, typer.Option(min=0, max=1, help="Fail when more than this share of takes is bad.")
    ] = 0.05,
) -> None:
    """Straighten every fifth frame of the head camera, into ROOT/processed_data; takes that are there are kept.

    Takes left aside stand in processed_data/dropped.jsonl, those with a borrowed calibration in borrowed.jsonl.

    Example: firsthand egoagent straighten datasets/egoexo4d
    """
    from dataclasses import asdict
    from functools import partial

    from firsthand import files
    from firsthand.egoagent.data.egoexo import Dropped
    from firsthand.egoagent.data.undistort import find_videos
    from firsthand.egoagent.data.undistort import straighten as straighten_take
    from firsthand.errors import UserError
    from firsthand.progress import progress_bar
    from firsthand.workers import default_workers, mapped

    out = root / "processed_data"
    takes, dropped = find_videos(root, calibrations)
    images, total = 0, len(takes) + len(dropped)
    with files.alone(out, "straightening"), progress_bar() as bar:
        done = mapped(partial(straighten_take, out, as_released), takes, default_workers())
        for made in bar.track(done, total=len(takes), description="takes"):
            if isinstance(made, Dropped):
                dropped.append(made)
            else:
                images += made
        borrowed = [{"take": take.name, "from": take.borrowed} for take in takes if take.borrowed]
        files.write_jsonl(out / "borrowed.jsonl", borrowed)
        files.write_jsonl(out / "dropped.jsonl", map(asdict, dropped))
    typer.echo(f"{images} images of {len(takes)} takes in {out}; {len(borrowed)} with a borrowed calibration")
    _say_dropped(len(dropped), out)
    if len(dropped) > max_bad * total:
        raise UserError(f"{len(dropped)} takes are bad, more than --max-bad {max_bad:g}; see {out}/dropped.jsonl")


@app.command()
def shards(
    sources: Annotated[
        list[Path], typer.Argument(help="Clips: a folder of Ego-Exo4D. Images: frame stores, or folders of frames.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the shards; a stopped build goes on where it was.")],
    split: Annotated[str, typer.Option(help="Of Ego-Exo4D: train or val.")] = "train",
    poses: Annotated[
        Literal["automatic", "annotation"], typer.Option(help="Of Ego-Exo4D: automatic poses, or those made by hand.")
    ] = "automatic",
    size: Annotated[
        int | None, typer.Option(min=16, help="Store squares of this many pixels; without it images as they are.")
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Frames from one image of a clip to the next.")] = 5,
    per_step: Annotated[int, typer.Option(min=1, help="Poses between two images, which are one action.")] = 5,
) -> None:
    """Write WebDataset tars of about 1,000 images, each with an index, and shards.json with what is in them.

    A source with annotations/ego_pose becomes clips; all others become single images, mixed. What is left aside is
    counted and listed in OUT/dropped.jsonl.

    Example: firsthand egoagent shards datasets/rounds/egoexo --out datasets/rounds/shards/train
    """
    from firsthand.egoagent.data import build_shards
    from firsthand.egoagent.data.image_sources import frames_below
    from firsthand.egoagent.data.pieces import Step
    from firsthand.errors import UserError
    from firsthand.progress import progress_bar

    clips = [source for source in sources if (source / "annotations/ego_pose").is_dir()]
    if clips and len(sources) > 1:
        raise UserError(f"{clips[0]} becomes clips; give it alone, and its processed_data beside other images")
    if every % per_step:
        raise UserError(f"--per-step {per_step}: does not divide the {every} frames between two images")
    with progress_bar() as bar:
        tasks = {name: bar.add_task(name, total=None, visible=False) for name in ("takes", "shards")}

        def progress(name: str, done: int, total: int) -> None:
            bar.update(tasks[name], completed=done, total=total, visible=True)

        if clips:
            made = build_shards.build_clips(out, sources[0], split, poses, Step(every, per_step), size, progress)
        else:
            images = [image for source in sources for image in frames_below(source)]
            made = build_shards.build_images(out, images, size, progress)
    samples = sum(shard.samples for shard in made.shards)
    what = "images" if made.kind == "images" else "pieces of takes"
    typer.echo(f"{samples} {what} of {made.width} x {made.height} pixels in {len(made.shards)} shards in {out}")
    _say_dropped(made.dropped, out)


def _say_dropped(count: int, out: Path) -> None:
    if count:
        typer.secho(f"{count} things left aside; see {out}/dropped.jsonl", fg="yellow", err=True)
