"""Kinds of problem: declared once, beside the rule that finds them, so that table, JSON and docs say the same.

A rule yields `(kind, what is wrong in this row)`. A kind carries what to do about it, because the same thousand rows
need the same mending.
"""

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "info"]
LEVELS: tuple[Level, ...] = ("error", "warning", "info")


@dataclass(frozen=True)
class Kind:
    name: str
    level: Level
    title: str
    fix: str


Found = tuple[Kind, str]
KINDS: dict[str, Kind] = {}


def kind(name: str, level: Level, title: str, fix: str) -> Kind:
    """Declare a kind; the same name twice is a mistake in this package."""
    if name in KINDS:
        raise ValueError(f"kind {name} is declared twice")
    KINDS[name] = Kind(name, level, title, fix)
    return KINDS[name]
