"""What the doctor says: rules are declared once, beside the check that uses them, and findings are made only from them.

A rule carries its own explanation, so that `firsthand doctor --rules`, the page in docs/ and the output of a run can
never disagree about what an id means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "info"]
MAX_TEXT = 600
LEVELS: tuple[Level, ...] = ("error", "warning", "info")


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
    why: str

    def at(self, place: Place, message: str, fix: str, level: Level | None = None) -> Finding:
        file, key = (text and printable(text) for text in (place.file, place.key))
        return Finding(self.id, level or self.level, file, place.line, key, printable(message), printable(fix))


def printable(text: str) -> str:
    """One short line for any terminal: a recipe may hold escape sequences, half characters and pages of text."""
    shown = text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}..."
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in shown)


RULES: dict[str, Rule] = {}


def rule(id: str, level: Level, title: str, why: str) -> Rule:
    """Declare a rule; the same id twice is a mistake in this package."""
    if id in RULES:
        raise ValueError(f"rule {id} is declared twice")
    RULES[id] = Rule(id, level, title, why)
    return RULES[id]
