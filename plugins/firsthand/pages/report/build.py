"""One HTML file from a run: no network, no external font, no script but its own.

Everything a model wrote is hostile: the template escapes it, the JSON for the script is escaped for a script element,
and as a second wall a Content-Security-Policy lets the browser run the one script whose hash stands in the page and
load nothing but inlined images.
"""

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from firsthand.errors import UserError
from firsthand.files import write_text
from firsthand.pages.report.figures import HEIGHT, WIDTH, draw, number
from firsthand.pages.report.model import RunReport, read_report
from firsthand.pages.report.view import cards, colours, duration, groups, percent

TEMPLATES = Path(__file__).parent / "templates"


def build(run_dir: Path | str, out: Path | str, *, trajectories: int = 10, frames: int = 12) -> RunReport:
    """Write the page of the run in `run_dir` to `out` and return what it was made from."""
    report = read_report(run_dir)
    root = Path(run_dir) / report.media_root
    if not root.is_dir():
        raise UserError(f"{run_dir}/report.json: media_root: no such folder {root}")
    page = render(report, root, trajectories=trajectories, frames=frames)
    try:
        write_text(out, page)
    except OSError as error:
        raise UserError(f"{out}: cannot be written ({error.strerror})") from None
    return report


def render(report: RunReport, media_root: Path, *, trajectories: int = 10, frames: int = 12) -> str:
    charts = draw(report.curves.series)
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    shown = cards(report.trajectories[:trajectories], media_root, frames)
    page = _template().render(
        report=report,
        charts=charts,
        chart_points={chart.name: chart.points for chart in charts},
        box=(WIDTH, HEIGHT),
        colours=colours(report),
        groups=groups(report),
        cards=shown,
        labels=sorted({card["trajectory"].label for card in shown} - {""}),
        style=Markup((TEMPLATES / "style.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    return page.encode(errors="replace").decode()  # a lone surrogate in a model's text cannot be written as UTF-8


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "duration": duration, "number": number}
    return environment.get_template("page.html.jinja")
