"""What a check says: rules are declared once, beside the check that uses them, and findings are made only from them.

A rule carries its own explanation, so that tables, JSON and the pages in docs/ can never disagree about what an id
means. The doctor checks a place in a recipe and writes a fix for each finding; `data check` counts rows, and a rule of
it carries the fix, because the same thousand rows need the same correction.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "info"]
MAX_TEXT = 600
LEVELS: tuple[Level, ...] = ("error", "warning", "info")
COLOURS = {"error": "bold red", "warning": "yellow", "info": "cyan"}


@dataclass(frozen=True)
class Place:
    """Where a finding stands; the machine itself has no file."""

    file: str | None = None
    line: int | None = None
    key: str | None = None


@dataclass(frozen=True)
class Finding:
    rule: str
    level: Level
    file: str | None
    line: int | None
    key: str | None
    message: str
    fix: str


@dataclass(frozen=True)
class Rule:
    id: str
    level: Level
    title: str
    why: str = ""
    fix: str = ""  # where it is the same for every finding

    def at(self, place: Place, message: str, fix: str, level: Level | None = None) -> Finding:
        file, key = (text and printable(text) for text in (place.file, place.key))
        return Finding(self.id, level or self.level, file, place.line, key, printable(message), printable(fix))


def printable(text: str) -> str:
    """One short line for any terminal: a recipe may hold escape sequences, half characters and pages of text."""
    shown = text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}..."
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in shown)


RULES: dict[str, Rule] = {}  # of recipes and machines
ROW_RULES: dict[str, Rule] = {}  # of the rows of a data file
InRow = tuple[Rule, str]  # what is wrong in a row


def rule(id: str, level: Level, title: str, why: str) -> Rule:
    """Declare a rule of the doctor; the same id twice is a mistake in this package."""
    return _declared(RULES, Rule(id, level, title, why=why))


def row_rule(id: str, level: Level, title: str, fix: str) -> Rule:
    return _declared(ROW_RULES, Rule(id, level, title, fix=fix))


def _declared(rules: dict[str, Rule], rule: Rule) -> Rule:
    if rule.id in rules:
        raise ValueError(f"rule {rule.id} is declared twice")
    rules[rule.id] = rule
    return rule


def counted(count: Callable[[Level], int]) -> dict[str, int]:
    return {level: count(level) for level in LEVELS}


def verdict(ok: bool, counts: dict[str, int]) -> str:
    """The last line of a report, with the markup of Rich."""
    shown = ", ".join(f"{level} {count:,}" for level, count in counts.items())
    return f"{'[bold green]ok[/]' if ok else '[bold red]something is wrong[/]'}: {shown}"
