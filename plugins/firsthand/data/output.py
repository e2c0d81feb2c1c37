"""What the data commands print."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import TaskID

    from firsthand.data.build.build import Built
    from firsthand.data.build.release import Purpose, Release


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for everything that is named, from its first tick on."""
    from rich.console import Console

    from firsthand.progress import progress_bar

    with progress_bar("percent", console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def tick(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what)
            bar.update(tasks[what], completed=done, total=total)

        yield tick


def show_releases(releases: Iterable["Release"]) -> None:
    from rich.console import Console
    from rich.table import Column, Table

    name, purposes = Column("name", no_wrap=True), Column("rows for", no_wrap=True)
    table = Table(name, purposes, "what it is", "licence", "where its owner keeps it", header_style="bold")
    for release in releases:
        table.add_row(release.name, ", ".join(release.inputs), release.about, release.licence, release.kept_at)
    Console().print(table)


def show_built(release: "Release", out: Path, built: "Mapping[Purpose, Built]") -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    for purpose, part in built.items():
        for name, rows in part.rows.items():
            console.print(f"{rows:8}  {escape(str(out / name))}")
        taken = part.folded + sum(part.left_aside.values()) + part.dropped + next(iter(part.rows.values()))
        if release.rows and taken != release.rows:
            console.print(f"{'':8}  [yellow]{purpose}: {taken} rows were read, the release has {release.rows}[/yellow]")
        if part.folded:
            console.print(f"{part.folded:8}  rows are parts of other rows")
        for reason, count in {**part.left_aside, **part.notes}.items():
            console.print(f"{count:8}  {escape(reason)}")
        if part.dropped:
            console.print(
                f"[red]{part.dropped:8}  rows could not be converted: {escape(str(out / 'dropped.jsonl'))}[/red]"
            )
        for example in part.examples:
            console.print(f"{'':8}  {escape(example)}")
    console.print(f"licence: {escape(release.licence)}\n{escape(release.terms)}")
