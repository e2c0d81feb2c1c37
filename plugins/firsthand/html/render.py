"""A self-contained HTML page from a template: it needs no network and no font, and runs no script but its own.

Text from a model is treated as hostile. Templates escape it. As a second wall, the Content-Security-Policy of
`base.html.jinja` lets the browser run only the one script whose hash is in the page, and load only inlined images.
"""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

HERE = Path(__file__).parent


def render(template: Path, *, scripts: Sequence[Path] = (), **values: Any) -> str:
    """The page of `template`, which extends `base.html.jinja`; `scripts` become its one script, in this order."""
    environment = Environment(
        loader=FileSystemLoader([template.parent, HERE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "duration": duration, "number": number}
    script = "\n".join(path.read_text(encoding="utf-8") for path in scripts)
    script_hash = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() if script else None
    page = environment.get_template(template.name).render(script=Markup(script), script_hash=script_hash, **values)
    return page.encode(errors="replace").decode()  # UTF-8 cannot hold a lone surrogate, which a model may write


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def number(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
