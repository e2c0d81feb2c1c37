"""The one progress bar: what is being done, how much of it is done, how long that took and how long the rest takes."""

from collections.abc import Callable
from typing import Literal, TypeVar

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

T = TypeVar("T")
Tick = Callable[[int, int], None]  # takes what is done, and all that there is to do
_COUNTS = {"number": MofNCompleteColumn, "bytes": DownloadColumn, "percent": TaskProgressColumn}


def progress_bar(
    count: Literal["number", "bytes", "percent"] = "number", *, console: Console | None = None, transient: bool = False
) -> Progress:
    """A bar without tasks; the description of a task stands in front of it and may change."""
    columns = (TextColumn("{task.description}"), BarColumn(30), _COUNTS[count](), TimeElapsedColumn())
    return Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=console, transient=transient)


def with_bar(what: str, work: Callable[[Tick], T]) -> T:
    """Work of one kind that says how far it is."""
    with progress_bar() as bar:
        task = bar.add_task(what)
        return work(lambda done, total: bar.update(task, completed=done, total=total))
