"""The figures of a file of chains: a table on the terminal, or an HTML page that looks like the page of a run."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from firsthand.chains.stats import Stats
from firsthand.files import write_text
from firsthand.html.render import render
from firsthand.pages.report.build import TEMPLATES
from firsthand.pages.report.figures import HEIGHT, WIDTH, draw


def show(stats: Stats) -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    low, high = stats.right.interval
    rows = {
        "chains": f"{stats.chains} of {stats.questions} questions",
        "right": f"{100 * stats.right.accuracy:.1f} %, {100 * low:.1f}–{100 * high:.1f} (Wilson 95 %), "
        f"{stats.right.correct} of {stats.right.n}",
        "calls per chain": f"{stats.per_chain(stats.calls):.2f}",
        "turns with a thought": f"{stats.thoughts} of {stats.turns}",
        "tokens per chain": f"{stats.per_chain(stats.prompt_tokens):.0f} read, "
        f"{stats.per_chain(stats.completion_tokens):.0f} written",
        "seconds per chain": f"{stats.per_chain(stats.seconds):.1f}",
        "cost": f"{stats.cost:.4f} US dollars"
        + (f", without {stats.unpriced} chains of unknown price" if stats.unpriced else ""),
        "tools": _counts(stats.tools),
        "levels": _counts(stats.levels),
        "how calls ended": _counts(stats.statuses),
        "how chains ended": _counts(stats.stops),
    }
    rows |= {f"right, {label}": f"{tally.correct} of {tally.n}" for label, tally in stats.by_label.items()}
    table = Table(show_header=False)
    for name, value in rows.items():
        table.add_row(name, value)
    console.print(table)


def _counts(counts: dict[str, int]) -> str:
    total = sum(counts.values())
    return ", ".join(f"{name} {count} ({100 * count / total:.0f} %)" for name, count in counts.items()) or "none"


def write_page(stats: Stats, title: str, out: Path) -> None:
    counts = {calls: float(tally.n) for calls, tally in stats.by_calls.items()}
    right = {calls: tally.accuracy for calls, tally in stats.by_calls.items()}
    written = dict(enumerate(stats.tokens_by_turn, 1))
    series = {"chains with so many calls": counts, "share right": right, "tokens written in a turn": written}
    page = render(
        TEMPLATES / "chains.html.jinja",
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
    )
    write_text(out, page)
