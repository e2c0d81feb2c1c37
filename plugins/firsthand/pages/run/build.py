"""The page of a run, made in one pass over its files: memory holds the index, not the conversations.

Text from a model is treated as hostile. It reaches the page only as JSON and is shown only as text. As a second wall, a
Content-Security-Policy lets the browser run the one script whose hash is in the page, and what that script loads, and
turns every other way from text to markup or code into an error (trusted types).
"""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from markupsafe import Markup

from firsthand.errors import UserError
from firsthand.files import spare, write_text, writing
from firsthand.html.render import render
from firsthand.pages.run import episode, run_files
from firsthand.pages.run.chunks import INLINE, Chunks, as_json
from firsthand.pages.run.curves import Curves, read_verl_metrics, rollout
from firsthand.pages.run.frames import Thumbnails, open_store
from firsthand.pages.run.index import Index
from firsthand.progress import progress_bar
from firsthand.rollout.telemetry import Rollout

TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = ("state", "list", "talk", "curves", "tools", "main")  # one script in this order


@dataclass
class Built:
    trajectories: int
    curves: int
    size: int  # bytes of the page and its chunks
    chunks: Path | None  # the folder beside the page, if it needs one
    unread: list[str] = field(default_factory=list)  # lines that are not JSON
    ignored: list[Path] = field(default_factory=list)  # files in the folder that hold something else
    missing_frames: int = 0


def build(run_path: Path | str, out: Path | str, *, store: Path | str | None = None, inline: int = INLINE) -> Built:
    """Write the page of a run to `out`, and its chunks beside it if they have more than `inline` characters."""
    run, out, unread = run_files.find(run_path), Path(out), list[str]()
    spare([*run.trajectories, *run.metrics], out)
    thumbnails = Thumbnails(open_store(store)) if store else None
    index, curves = Index(), Curves(read_verl_metrics(run.metrics, unread))
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        chunks = Chunks(out.with_name(f"{out.stem}_chunks"), inline)
        try:
            _read(run, index, curves, chunks, thumbnails, unread)
            if not len(index) and not curves.series:
                raise UserError(f"{run_path}: nothing to show: {len(run.trajectories)} files without a whole line")
            kept = chunks.close()
        finally:
            chunks.discard()
        missing = thumbnails.missing if thumbnails else 0
        content = {
            "build": chunks.build,
            "folder": chunks.folder.name,
            "starts": chunks.starts,
            "series": curves.as_json(),
            "notes": [*unread, *([f"{missing} frames are not in the store"] if missing else [])],
            **index.as_json(),
        }
        page = render(
            TEMPLATES / "page.html.jinja",
            scripts=[TEMPLATES / f"{name}.js" for name in SCRIPTS],
            title=run.name,
            index=Markup(as_json(content)),
            chunks=[Markup(chunk) for chunk in kept],
        )
        write_text(out, page)
    folder, beside = (chunks.folder, chunks.size) if chunks.spilled else (None, 0)
    return Built(len(index), len(curves.series), len(page) + beside, folder, unread, run.ignored, missing)


def _read(
    run: run_files.Run, index: Index, curves: Curves, chunks: Chunks, thumbnails: Thumbnails | None, unread: list[str]
) -> None:
    with progress_bar("bytes", transient=True) as bar:
        task = bar.add_task("reading", total=sum(path.stat().st_size for path in run.trajectories))
        for path in run.trajectories:
            steps: dict[int, list[Rollout]] = defaultdict(list)
            source = "training" if path in run.training else path.stem
            for where, line in run_files.read(path, unread, lambda size: bar.advance(task, size)):
                row = episode.read(where, line)
                index.add(source, row)
                shown = row.as_json()
                pictures: dict[str, str] = {}
                if thumbnails:
                    names, pictures = thumbnails.of(row)
                    for turn, frames in zip(shown.get("turns", []), names, strict=True):
                        turn |= {"frames": frames} if frames else {}
                chunks.add(shown, pictures)
                if row.step is not None:
                    steps[row.step].append(rollout(row))
            for step, rollouts in steps.items():
                curves.add(step, rollouts)
