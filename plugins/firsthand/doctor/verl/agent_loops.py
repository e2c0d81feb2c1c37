"""The settings of `firsthand.training.agent_loop.ToolLoop` in an agent-loop file, and the tools YAML that they name."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from firsthand.errors import UserError
from firsthand.findings import RULES, Finding
from firsthand.recipe import named_files, yaml_lines
from firsthand.recipe.python_objects import UNPARSABLE, source_of
from firsthand.recipe.python_source import parse
from firsthand.recipe.values import did_you_mean
from firsthand.recipe.yaml_lines import Document

BAD_LOOP = RULES["VR035"]
REFUSED = RULES["TL001"]

TARGET = "firsthand.training.agent_loop.ToolLoop"
FIXES = {
    "greater_than": "write a number above 0",
    "dataclass_type": "write `budget: {tokens: 512}`",
}


def settings(document: Document, index: int) -> Iterator[Finding]:
    """One entry of an agent-loop file, if it is a ToolLoop: what the loop itself would refuse."""
    from pydantic import ValidationError

    from firsthand.rollout.loop_file import Loop

    entry = document.data[index]
    if entry.get("_target_") != TARGET:
        return
    try:
        Loop.model_validate(entry)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_context=False):
            yield _refused(document, index, problem)
    yield from _toolbox(document, index, entry.get("toolbox"))


def _refused(document: Document, index: int, problem: Mapping[str, Any]) -> Finding:
    from firsthand.rollout.loop_file import Loop
    from firsthand.tools.protocol import Budget

    *where, key = problem["loc"]
    kind, place = problem["type"], document.place(index, *where, key)
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        names = {field.name for field in fields(Budget)} if where else {*Loop.model_fields, "_target_"} - {"target"}
        fix = did_you_mean(str(key), names, f"remove it; known are {', '.join(sorted(names))}")
        return BAD_LOOP.at(place, f"`{key}` is not a setting of it", fix)
    value = "missing" if kind == "missing" else problem["input"]
    return BAD_LOOP.at(place, f"`{key}: {value}`", FIXES.get(kind, problem["msg"]))


def _toolbox(document: Document, index: int, toolbox: object) -> Iterator[Finding]:
    place = document.place(index, "toolbox")
    if not isinstance(toolbox, str):
        yield BAD_LOOP.at(place, "no `toolbox`", "name a tools YAML: recipes/toy/tools.yaml")
        return
    yield from named_files.missing(place, toolbox, document.path)
    if named_files.exists(toolbox):
        tools, findings = yaml_lines.load(Path(toolbox))
        yield from findings
        if tools is not None:
            yield from tools_yaml(tools)


def tools_yaml(document: Document) -> Iterator[Finding]:
    """Unknown keys and values, which its reader would refuse only when the server or a rollout starts."""
    from firsthand.tools import catalogue

    try:
        catalogue.read(document.path)
    except UserError as error:
        for problem in str(error).removeprefix(f"{document.path}: ").split(f"\n{document.path}: "):
            key, _, _ = problem.partition(":")
            yield REFUSED.at(document.place(*key.split(".")), problem, "see recipes/toy/tools.yaml and docs/tools.md")


def reads_trace(reward: object) -> bool:
    """Whether the file of a reward cannot do without the trace: `extra_info["trace"]`, or `trace` of a sample."""
    file = source_of(reward) if isinstance(reward, str) else None
    try:
        nodes = ast.walk(parse(file)) if file else iter(())
        return any(
            (isinstance(node, ast.Attribute) and node.attr == "trace")
            or (
                isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value == "trace"
            )
            for node in nodes
        )
    except UNPARSABLE:  # reported by files
        return False
