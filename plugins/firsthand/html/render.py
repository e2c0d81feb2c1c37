"""A self-contained HTML page from a template: no network, no external font, no script but its own.

Everything a model wrote is hostile. Templates escape it. As a second wall the Content-Security-Policy of
`base.html.jinja` lets the browser run only the one script whose hash stands in the page, and load only inlined images.
"""

import base64
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

HERE = Path(__file__).parent

Filters = dict[str, Callable[..., Any]]


def render(template: Path, *, scripts: Sequence[Path] = (), filters: Filters | None = None, **values: Any) -> str:
    """The page of `template`, which extends `base.html.jinja`; `scripts` become its one script, in this order."""
    environment = Environment(
        loader=FileSystemLoader([template.parent, HERE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters or {}
    script = "\n".join(path.read_text(encoding="utf-8") for path in scripts)
    script_hash = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() if script else None
    page = environment.get_template(template.name).render(script=Markup(script), script_hash=script_hash, **values)
    return page.encode(errors="replace").decode()  # UTF-8 cannot hold a lone surrogate, which a model may write
