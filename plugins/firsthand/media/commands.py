"""`firsthand media ...`: videos into frame stores, and what is in them."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True, help="Take frames out of videos into a store with true times, and look into it."
)


@app.command()
def extract(
    videos: Annotated[Path, typer.Argument(help="Folder with videos, at any depth.")],
    out: Annotated[Path, typer.Option(help="Folder of the store; a stopped run goes on where it was.")],
    fps: Annotated[float, typer.Option(help="Frames a second of video, at most 20.")] = 1.0,
    max_pixels: Annotated[
        int | None, typer.Option(min=256, help="Shrink frames to this many pixels: the budget of your recipe.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; without it one for each core.")] = None,
    max_bad: Annotated[
        float, typer.Option(min=0, max=1, help="The run has failed (exit code 1) when more than this share is bad.")
    ] = 0.05,
) -> None:
    """Write the frames of every video and an index with their times; bad videos go to STORE/quarantine.jsonl.

    Names say what a video is. DAY1_A1_JAKE_11094208.mp4: source A1_JAKE at that time. abc/00003000.mp4: 30 s into
    video abc. Any other file: a source of that name, with elapsed time from DAY1_00000000.

    Exit code 0: every video is in the store. 3: all but those in quarantine. 1: failed, or too many in quarantine.

    Example: firsthand media extract datasets/egolife --out datasets/egolife/frames --fps 1 --max-pixels 262144
    """
    from firsthand.errors import UserError
    from firsthand.media import extract as extraction
    from firsthand.progress import progress_bar

    with progress_bar("bytes") as bar:
        task = bar.add_task("videos", total=None)
        made = extraction.extract(
            videos, out, fps, max_pixels, workers, lambda done, total: bar.update(task, completed=done, total=total)
        )
    bad = len(made.quarantined)
    typer.echo(f"{made.videos} videos: {made.resumed} were in {out}, {made.videos - made.resumed - bad} are new")
    typer.echo(f"{made.frames} new frames")
    if made.ignored:
        endings = ", ".join(sorted({path.suffix or path.name for path in made.ignored}))
        typer.echo(f"{len(made.ignored)} other files not looked at ({endings})")
    if bad:
        report = out / extraction.QUARANTINE
        for path, reason in sorted(made.quarantined.items())[:10]:
            typer.secho(f"quarantined: {path}: {reason}", fg="yellow", err=True)
        if bad > max_bad * made.videos:
            raise UserError(f"{bad} of {made.videos} videos are bad, more than --max-bad {max_bad:g}; see {report}")
        typer.secho(f"{bad} of {made.videos} videos are in quarantine; see {report}", fg="yellow", err=True)
        raise typer.Exit(3)


@app.command()
def show(store: Annotated[Path, typer.Argument(help="Folder of a frame store.")]) -> None:
    """List the sources of a store with their recorded times and numbers of frames.

    Example: firsthand media show datasets/egolife/frames
    """
    from rich.console import Console
    from rich.table import Table

    from firsthand import clock
    from firsthand.media.store import FrameStore

    frames = FrameStore(store)
    table = Table("source", "from", "to", "frames", title=f"{store}: {frames.fps:g} frames a second")
    for source in frames.sources():
        for start, end in frames.spans(source):
            table.add_row(source, clock.stamp(start), clock.stamp(end), str(frames.count(source, start, end)))
    Console().print(table)


@app.command()
def frame(
    store: Annotated[Path, typer.Argument(help="Folder of a frame store.")],
    source: Annotated[str, typer.Argument(help="Whose week, or which video; `firsthand media show` lists them.")],
    time: Annotated[str, typer.Argument(help="DAYx_HHMMSSFF; of a video without a date, DAY1 and the elapsed time.")],
    out: Annotated[Path, typer.Option(help="The JPEG file to write.")],
) -> None:
    """Write the frame that was on show at a time.

    Example: firsthand media frame datasets/egolife/frames A1_JAKE DAY1_11094208 --out frame.jpg
    """
    from firsthand import clock, files
    from firsthand.media.store import FrameStore

    found = FrameStore(store).frame(source, clock.parse(time))
    files.write_bytes(out, found.jpeg())
    typer.echo(f"{out}: {source} at {clock.stamp(found.moment)}")
