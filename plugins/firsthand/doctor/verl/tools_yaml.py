"""A tools YAML of ours: unknown keys and values that its reader would refuse when the server or a rollout starts."""

from __future__ import annotations

from collections.abc import Iterator

from firsthand.errors import UserError
from firsthand.findings import Finding, rule
from firsthand.recipe.yaml_lines import Document

REFUSED = rule("TL001", "error", "a tools YAML that cannot be used", "`firsthand tools` and the agent loop refuse it.")


def check(document: Document) -> Iterator[Finding]:
    from firsthand.tools import catalogue

    try:
        catalogue.read(document.path)
    except UserError as error:
        for problem in str(error).removeprefix(f"{document.path}: ").split(f"\n{document.path}: "):
            key, _, _ = problem.partition(":")
            yield REFUSED.at(document.place(*key.split(".")), problem, "see recipes/toy/tools.yaml and docs/tools.md")
