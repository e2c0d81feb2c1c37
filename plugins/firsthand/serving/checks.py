"""What a verification says: each check with its verdict, the key that is wrong and the fix."""

from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape


@dataclass
class Check:
    name: str
    ok: bool
    detail: str
    note: bool = False  # nothing is wrong, but somebody should know


def passed(checks: Iterable[Check]) -> bool:
    return all(check.ok for check in checks)


def show(checks: Iterable[Check], console: Console) -> None:
    for check in checks:
        verdict = "[red]FAIL[/]" if not check.ok else "[yellow]note[/]" if check.note else "[green]ok[/]  "
        console.print(f"  {verdict} {check.name}: {escape(check.detail)}", soft_wrap=True)


def some(items: list[str], shown: int = 3, sign: str = ", ") -> str:
    return sign.join(items[:shown]) + (f"{sign}and {len(items) - shown} more" if len(items) > shown else "")
