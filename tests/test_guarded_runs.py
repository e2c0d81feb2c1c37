"""The table of docs/recipes.md that says what would stop a run of full size names rules, patches, tests that exist."""

import ast
import re
from functools import cache
from pathlib import Path

from firsthand.findings import RULES
from firsthand.training.patches import PATCHES

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/recipes.md").read_text()
[TABLE] = re.findall(r"^## What would stop a run of full size\n(.*?)^## ", PAGE, re.M | re.S)
ROWS = [row.strip("| ").split(" | ") for row in TABLE.splitlines() if row.startswith("|")][2:]


@cache
def named_tests(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_row_names_a_test_that_exists() -> None:
    assert len(ROWS) >= 21 and {len(row) for row in ROWS} == {3}
    for wrong, _, named in ROWS:
        tests = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", named)
        assert tests and len(tests) == named.count("`") // 2, wrong
        assert [f"{file}::{test}" for file, test in tests if test not in named_tests(file)] == []


def test_rules_patches_and_files_that_it_names_exist() -> None:
    against = " ".join(row[1] for row in ROWS)
    assert set(re.findall(r"\b[A-Z]{2}\d{3}\b", against)) <= RULES.keys()
    words = re.findall(r"`([\w./-]+)`", against)
    patches = {word for word in words if word.startswith(("verl_", "transformers_"))}
    assert len(patches) >= 3 and patches <= PATCHES.keys()
    files = [word for word in words if word.endswith((".sh", ".sbatch", ".txt", ".yaml"))]
    assert [name for name in files if not any((ROOT / one / name).exists() for one in ("", "recipes/shared"))] == []
