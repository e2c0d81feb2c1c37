"""Reads a recipe of LLaMA-Factory or veRL: its lines, what it inherits, what it names."""

from pathlib import Path
from typing import TYPE_CHECKING

from firsthand.errors import UserError

if TYPE_CHECKING:
    from firsthand.recipe.yaml_lines import Document


def load(path: Path) -> "Document":
    """The `kind` of a recipe, its values (`data`) and the line of each key; what it inherits is not followed."""
    from firsthand.findings import RULES
    from firsthand.recipe import yaml_lines

    document, findings = yaml_lines.load(path)
    if document is None:
        problem = findings[0]
        raise UserError(f"{path}: {RULES[problem.rule].title}: {problem.message}; {problem.fix}")
    return document
