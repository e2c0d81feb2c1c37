"""One HTML file from the files of a run: curves, the table of accuracies, and trajectories as cards."""

from pathlib import Path

from firsthand.errors import UserError
from firsthand.files import spare, write_text
from firsthand.html.render import render as render_page
from firsthand.pages.report.cards import card, colours, groups
from firsthand.pages.report.figures import HEIGHT, WIDTH, draw
from firsthand.pages.report.model import RunReport, read_report

TEMPLATES = Path(__file__).parent / "templates"


def build(run_dir: Path | str, out: Path | str, *, trajectories: int = 10, frames: int = 12) -> RunReport:
    """Write the page of the run in `run_dir` to `out` and return what it was made from."""
    report = read_report(run_dir)
    spare([Path(run_dir) / "report.json"], Path(out))
    root = Path(run_dir) / report.media_root
    if not root.is_dir():
        raise UserError(f"{run_dir}/report.json: media_root: no such folder {root}")
    write_text(out, render(report, root, trajectories=trajectories, frames=frames))
    return report


def render(report: RunReport, media_root: Path, *, trajectories: int = 10, frames: int = 12) -> str:
    drawn = [(curves.x, draw(curves.series, curves.chance)) for curves in (report.curves, report.costs)]
    shown = [card(trajectory, media_root, frames) for trajectory in report.trajectories[:trajectories]]
    return render_page(
        TEMPLATES / "page.html.jinja",
        scripts=[TEMPLATES / "page.js"],
        report=report,
        drawn=drawn,
        chart_points={chart.name: chart.points for _, charts in drawn for chart in charts},
        box=(WIDTH, HEIGHT),
        colours=colours(report),
        groups=groups(report),
        cards=shown,
        labels=sorted({one["trajectory"].label for one in shown} - {""}),
    )
