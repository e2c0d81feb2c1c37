"""Recipes of EgoAgent: unknown keys and values, and what they read that is not there."""

from collections.abc import Iterator

from firsthand.egoagent.training.settings import read_recipe
from firsthand.errors import UserError
from firsthand.findings import RULES, Finding
from firsthand.recipe import named_files
from firsthand.recipe.yaml_lines import Document

REFUSED = RULES["EA001"]


def check(document: Document) -> Iterator[Finding]:
    try:
        recipe = read_recipe(document.path)
    except UserError as error:
        for problem in str(error).removeprefix(f"{document.path}: ").split(f"\n{document.path}: "):
            key, _, _ = problem.partition(":")
            yield REFUSED.at(document.place(*key.split(".")), problem, "see recipes/egoagent and docs/egoagent.md")
        return
    read = {("data", "images"): recipe.data.images, ("data", "clips"): recipe.data.clips, ("start",): recipe.start}
    for where, value in read.items():
        yield from named_files.missing(document.place(*where), value, document.path)
