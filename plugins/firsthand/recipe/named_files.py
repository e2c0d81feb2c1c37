"""Files that a recipe names: are they there, and if not, what makes them?"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from firsthand.findings import RULES, Finding, Place
from firsthand.recipe.yaml_lines import Document

ABSOLUTE = RULES["RC006"]
MISSING = RULES["RC007"]

# A first segment that is a folder on disk, never an organisation on a model hub
LOCAL_ROOTS = ("runs", "outputs", "output", "saves", "checkpoints", "models", "data", "datasets", "recipes")
BUILT = {  # the first beginning that fits
    "datasets/toy_agent": "recipes/toy/tools_agent.yaml says how to make it",
    "datasets/toy_native": "recipes/ego_r1/tiny_grpo_qwen3vl.yaml says how to make it",
    "datasets/toy_base": "firsthand toy model models --train makes it",
    "datasets/toy_ego3s": "firsthand toy build datasets/toy_ego3s, then firsthand toy ego3s-rows datasets/toy_ego3s",
    "datasets/toy": "firsthand toy build datasets/toy, then firsthand toy rows datasets/toy",
    "models/Qwen3.5": "docs/recipes.md has the two commands that make this copy of the released model",
    "models/tiny_": "make demo makes it; by hand: firsthand toy model models --train",
}
MAKES = re.compile(r"^[ \t]*(?:output_dir|export_dir|default_local_dir):\s*['\"]?([^'\"#\s]+)", re.MULTILINE)


def is_local(value: str) -> bool:
    """Whether a model or adapter is a folder rather than `organisation/name` on a hub."""
    return (
        value.startswith(("/", "./", "../", "~"))
        or value.split("/")[0] in LOCAL_ROOTS
        or value.count("/") > 1
        or exists(value)
    )


def find(value: str) -> Path | None:
    """The path, if something is there; whatever a recipe holds, this does not raise."""
    try:
        path = Path(value).expanduser()
        return path if path.exists() else None
    except (OSError, ValueError, RuntimeError):  # a name too long, a null byte, an unknown ~user
        return None


def exists(value: str) -> bool:
    return find(value) is not None


def missing(place: Place, value: Any, recipe: Path) -> Iterator[Finding]:
    """One finding if the named file is not there; remote and templated paths are the frameworks' business."""
    if not isinstance(value, str) or not value or "://" in value or "${" in value or exists(value):
        return
    yield MISSING.at(place, f"`{value}` does not exist", _how_to_get(value, recipe))


def _how_to_get(value: str, recipe: Path) -> str:
    for sibling in sorted(set(recipe.parent.glob("*.yaml")) - {recipe}):
        try:
            made = MAKES.findall(sibling.read_text(errors="replace"))
        except OSError:
            continue
        if any(value == folder or value.startswith(folder.rstrip("/") + "/") for folder in made):
            return f"run {sibling} first: it writes this"
    for start, fix in BUILT.items():
        if value.startswith(start):
            return fix
    parts = Path(value).parts
    if len(parts) > 1 and parts[0] == "datasets" and exists(f"datasets/{parts[1]}/README.md"):
        return f"datasets/{parts[1]}/README.md says how to get it"
    return f"correct the path; it is looked for from {Path.cwd()}"


def absolute_paths(document: Document) -> Iterator[Finding]:
    for key in document.lines:
        value = document.data
        for part in key:
            value = value.get(part) if isinstance(value, dict) else _at(value, part)
        if isinstance(value, str) and re.match(r"/\w[^\s]*/|[A-Za-z]:\\", value):
            fix = "write it relative to the repository, or as ${oc.env:NAME} in a veRL recipe"
            yield ABSOLUTE.at(document.place(*key), f"`{value}` exists on one machine only", fix)


def _at(value: Any, index: str | int) -> Any:
    return value[index] if isinstance(value, list) and isinstance(index, int) and index < len(value) else None
