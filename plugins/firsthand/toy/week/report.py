"""What `toy build` and `toy check` print."""

from collections import Counter

from rich.console import Console
from rich.table import Table

from firsthand.toy.week.findings import Findings
from firsthand.toy.week.questions import LABELS
from firsthand.toy.week.splits import SPLITS
from firsthand.toy.week.week import Size


def question_table(counts: Counter[tuple[str, str]], size: Size) -> None:
    """Questions by split and label, and how many of those asked for the week was too small to hold."""
    table = Table("split", *LABELS, "all", title="questions")
    for split in SPLITS:
        numbers = [counts[split, label] for label in LABELS]
        table.add_row(split, *map(str, numbers), str(sum(numbers)))
    console = Console()
    console.print(table)
    short = size.people * size.questions - counts.total()
    if short > 0:
        console.print(f"{short} questions fewer than --questions asks for: the week is too small; give it more clips")


def findings_table(found: Findings) -> None:
    """One line a proof, then everything that failed by its id."""
    failed = Counter(finding.check for finding in found.failed)
    table = Table("proof", "looked at", "failed")
    for check in sorted(found.looked_at | failed):
        table.add_row(check, str(found.looked_at[check]), str(failed[check]))
    console = Console()
    console.print(table)
    for finding in found.failed:
        console.print(f"{finding.check}: {finding.id}: {finding.message}", style="red", markup=False, highlight=False)
