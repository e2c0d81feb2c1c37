"""Selection over a real socket: what is asked, what is kept, what is saved, and what happens when something fails."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as parquet
import pytest

from conftest import CONDITIONS, RIGHT, chance, condition_of  # type: ignore[import-not-found]
from firsthand.errors import UserError
from firsthand.selection.run import run


def ledger(recipe) -> list[dict]:
    return [json.loads(line) for line in recipe.ledger.read_text().splitlines()]


def truth(number: int, seed: int, condition: str) -> float:
    """The accuracy of five samples, as the server of the tests draws them."""
    kind = [*RIGHT][number % 4]
    right = RIGHT[kind][CONDITIONS.index(condition)]
    return sum(chance([kind, str(number)], seed + i) < right for i in range(5)) / 5


def by_hand() -> set[str]:
    """The rows that both published filters keep, with the form of every answer right."""
    import zlib

    kept = set()
    for number in range(40):
        seed = zlib.crc32(f"q{number}".encode()) & 0x7FFF_FFFF
        blind, full, masked = (truth(number, seed, condition) for condition in CONDITIONS)
        if (full - blind) / 2 > 0.1 + 1e-9 and full - masked > 0.5 + 1e-9:
            kept.add(f"q{number}")
    return kept
