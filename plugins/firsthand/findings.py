"""What a check reports: rules are described in one place, rules.md, and findings are made only from them.

Tables, JSON and pages can therefore never disagree about what an id means. The doctor checks a place in a recipe and
writes a fix for each finding; `data check` counts rows, and a rule of it carries the fix, because the same thousand
rows need the same correction. A proof (of an export, of a toy week) has no rules: its findings bear its name, and say
too what held.
"""

import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from rich.markup import escape

Level = Literal["error", "warning", "info", "ok"]
MAX_TEXT = 600
PAGE = Path(__file__).with_name("rules.md")
LEVELS: tuple[Level, ...] = ("error", "warning", "info")  # those that are counted
COLOURS = {"error": "bold red", "warning": "yellow", "info": "cyan", "ok": "green"}


@dataclass(frozen=True)
class Place:
    """Where a finding is; one about the machine has no file."""

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


def of_proof(name: str, level: Level, message: str, fix: str = "", key: str | None = None) -> Finding:
    """`key` is the one of many things that the proof looked at."""
    return Finding(name, level, None, None, key, printable(message), printable(fix))


def printable(text: str) -> str:
    """One short line for any terminal: a recipe may hold escape sequences, half characters and pages of text."""
    shown = text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}..."
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in shown)


def table(heading: str) -> list[str]:
    """The lines of one of the tables in rules.md."""
    section = PAGE.read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("|")]


def _rules(heading: str, last_column: str) -> dict[str, Rule]:
    rows = (line.strip("| ").split(" | ") for line in table(heading)[2:])
    return {id: Rule(id, cast(Level, level), title, **{last_column: more}) for id, level, title, more in rows}


RECIPES, ROWS = "Recipes and machines", "Rows of a data file"
RULES, ROW_RULES = _rules(RECIPES, "why"), _rules(ROWS, "fix")
InRow = tuple[Rule, str]  # what is wrong in a row


def counted(count: Callable[[Level], int]) -> dict[str, int]:
    return {level: count(level) for level in LEVELS}


class Printer:
    """Prints a report on any terminal, even one that knows few characters; texts may hold Rich markup."""

    def __init__(self) -> None:
        from rich.console import Console

        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        self.say = Console(highlight=False, soft_wrap=True).print

    def finding(self, level: Level, text: str, fix: str, details: Sequence[str] = ()) -> None:
        self.say(f"  [{COLOURS[level]}]{level:<7}[/] {text}")
        for line in (*details, *([f"[dim]fix:[/] {escape(fix)}"] if fix else [])):
            self.say(f"          {line}")

    def verdict(self, ok: bool, counts: dict[str, int]) -> None:
        shown = ", ".join(f"{level} {count:,}" for level, count in counts.items())
        self.say(f"{'[bold green]ok[/]' if ok else '[bold red]something is wrong[/]'}: {shown}")
