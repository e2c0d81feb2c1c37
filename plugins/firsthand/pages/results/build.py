"""The page of runs of one benchmark on the same questions, in one file.

Text from a model is treated as hostile: it reaches the page as JSON and is shown only as text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from firsthand.errors import UserError
from firsthand.evals import results, tables
from firsthand.evals.rows import groups
from firsthand.evals.run_folder import Folder
from firsthand.files import spare, write_text
from firsthand.html.render import render
from firsthand.pages.results.charts import WIDTH, draw
from firsthand.pages.results.items import Pictures, items
from firsthand.pages.run.chunks import as_json

TEMPLATES = Path(__file__).parent / "templates"
PICTURES = 20_000_000  # bytes of all frames


@dataclass
class Built:
    questions: int
    shown: int
    missing: int  # frames that are not below the media root


def build(
    runs: Sequence[Folder], out: Path, media_root: Path | None = None, *, limit: int = 5000, frames: int = 6
) -> Built:
    names, benchmark = [run.name for run in runs], runs[0].benchmark
    if len(set(names)) < len(names):
        raise UserError("two folders share a name; a run is called by the name of its folder")
    if other := [run for run in runs if run.manifest.benchmark != runs[0].manifest.benchmark]:
        what = f"{other[0].path} is a run of {other[0].manifest.benchmark}, {runs[0].path} of {benchmark.name}"
        raise UserError(f"{what}; a page has one benchmark")
    golds = results.same_questions(runs)
    spare([run.path / "questions.jsonl" for run in runs], out)
    found = [results.results(run) for run in runs]
    if empty := [one.run for one in found if not one.scores]:
        raise UserError(f"{empty[0]}: no answers yet; go on with `firsthand eval run`")
    root = media_root or benchmark.questions.parent / "media"
    pictures = Pictures(root if root.is_dir() else None, frames, PICTURES)
    shown = items(runs, benchmark.metrics[0], pictures, limit)
    metric = benchmark.metrics[0]
    page = render(
        TEMPLATES / "page.html.jinja",
        scripts=[TEMPLATES / "page.js"],
        title=f"{benchmark.name}: {', '.join(names)}",
        about=benchmark.about,
        metric=metric.name,
        runs=names,
        chart=draw([next(iter(one.scores.values())) for one in found], golds, groups(benchmark.by, golds)),
        width=WIDTH,
        comparisons=[one.sentence for one in results.comparisons(runs)],
        grids=tables.grids(found),
        notes=[*tables.notes(found), *_about_frames(pictures, root), *_about_length(len(shown), runs[0])],
        items=Markup(as_json({"runs": names, "items": shown, "frames": pictures.urls})),
    )
    write_text(out, page)
    return Built(len(runs[0].questions), len(shown), len(pictures.missing))


def _about_frames(pictures: Pictures, root: Path) -> list[str]:
    lines = [f"{len(pictures.missing)} frames are not below {root} (--media-root)"] if pictures.missing else []
    return lines + ([f"{len(pictures.left_out)} frames are left out, the page is full"] if pictures.left_out else [])


def _about_length(shown: int, run: Folder) -> list[str]:
    every = len(run.questions)
    return [f"{shown} of {every} questions are on this page (--limit)"] if shown < every else []
