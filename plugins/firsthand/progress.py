"""The one progress bar: what is being done, how much of it is done, how long that took and how long the rest takes."""

from typing import Literal

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_COUNTS = {"number": MofNCompleteColumn, "bytes": DownloadColumn, "percent": TaskProgressColumn}


def progress_bar(
    count: Literal["number", "bytes", "percent"] = "number", *, console: Console | None = None, transient: bool = False
) -> Progress:
    """A bar without tasks; the description of a task stands in front of it and may change."""
    columns = (TextColumn("{task.description}"), BarColumn(30), _COUNTS[count](), TimeElapsedColumn())
    return Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=console, transient=transient)
