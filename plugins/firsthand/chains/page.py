"""The figures of a file of chains as one HTML page: no network, no script; it looks like the page of a run."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from firsthand.chains.stats import Stats
from firsthand.files import read_text, write_text
from firsthand.pages.report.build import TEMPLATES
from firsthand.pages.report.figures import HEIGHT, WIDTH, draw
from firsthand.pages.report.view import duration, percent


def write_page(stats: Stats, title: str, out: Path) -> None:
    counts = {calls: float(tally.n) for calls, tally in stats.by_calls.items()}
    right = {calls: tally.accuracy for calls, tally in stats.by_calls.items()}
    written = dict(enumerate(stats.tokens_by_turn, 1))
    series = {"chains with so many calls": counts, "share right": right, "tokens written in a turn": written}
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    environment.filters |= {"percent": percent, "duration": duration}
    page = environment.get_template("page.html.jinja").render(
        stats=stats,
        title=title,
        charts=draw({name: [*values.items()] for name, values in series.items() if values}),
        axes={"tokens written in a turn": "turn"},
        bars={
            "Tools": stats.tools,
            "Levels of search": stats.levels,
            "How calls ended": stats.statuses,
            "How chains ended": stats.stops,
        },
        box=(WIDTH, HEIGHT),
        style=Markup(read_text(TEMPLATES / "style.css")),
    )
    write_text(out, page.encode(errors="replace").decode())  # a lone surrogate in a model's words is no UTF-8
