"""Small readings of recipe values, where anything may stand instead of what is expected."""

import difflib
import math
from collections.abc import Iterable
from typing import Any


def number(value: Any) -> float | None:
    """A finite number; None for anything else, such as true, ".nan" or "12"."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < 1e300 and not math.isnan(value) else None


def names(value: Any) -> list[str]:
    """The names in `a, b` or in [a, b]."""
    if isinstance(value, str):
        value = value.split(",")
    return [item.strip() for item in value if isinstance(item, str) and item.strip()] if isinstance(value, list) else []


def similar(name: str, candidates: Iterable[str], count: int = 1) -> list[str]:
    return difflib.get_close_matches(name, list(candidates), n=count, cutoff=0.7)


def did_you_mean(name: str, candidates: Iterable[str], otherwise: str) -> str:
    found = similar(name, candidates)
    return f"did you mean `{found[0]}`?" if found else otherwise
