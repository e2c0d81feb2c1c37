"""The settings of `firsthand.training.agent_loop.ToolLoop` in an agent-loop file, and the tools YAML that they name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path

from firsthand.doctor.verl import tools_yaml
from firsthand.findings import Finding, rule
from firsthand.recipe import named_files, yaml_lines
from firsthand.recipe.values import did_you_mean, number
from firsthand.recipe.yaml_lines import Document

BAD_LOOP = rule(
    "VR035", "error", "wrong settings of an agent loop", "It is made anew for every trajectory, and all would fail."
)

TARGET = "firsthand.training.agent_loop.ToolLoop"
OWN = ("toolbox", "dialect", "turn_tokens", "budget")  # the others are those of rollout.agent.Limits
DIALECTS = ("ego_r1", "native")


def settings(document: Document, index: int) -> Iterator[Finding]:
    """One entry of an agent-loop file, if it is a ToolLoop."""
    from firsthand.rollout.agent import Limits
    from firsthand.tools.protocol import Budget

    entry = document.data[index]
    if entry.get("_target_") != TARGET:
        return
    counts = ("turn_tokens", *(field.name for field in fields(Limits)))
    yield from _unknown(document, (index,), {"name", "_target_", *OWN, *counts})
    yield from _positive(document, (index,), counts)
    if isinstance(entry.get("budget"), dict):
        limits = [field.name for field in fields(Budget)]
        yield from _unknown(document, (index, "budget"), set(limits))
        yield from _positive(document, (index, "budget"), [name for name in limits if name != "images"])
    elif entry.get("budget") is not None:
        place = document.place(index, "budget")
        yield BAD_LOOP.at(place, f"`budget: {entry['budget']}`", "write `budget: {tokens: 512}`")
    if entry.get("dialect") not in DIALECTS:
        place = document.place(index, "dialect")
        yield BAD_LOOP.at(place, f"`dialect: {entry.get('dialect')}`", f"write {' or '.join(DIALECTS)}")
    yield from _toolbox(document, index, entry.get("toolbox"))


def _at(document: Document, where: tuple[int | str, ...]) -> dict[str, object]:
    value = document.data
    for key in where:
        value = value[key]
    return value


def _unknown(document: Document, where: tuple[int | str, ...], known: set[str]) -> Iterator[Finding]:
    for key in _at(document, where):
        if key not in known:
            fix = did_you_mean(str(key), known, f"remove it; known are {', '.join(sorted(known))}")
            yield BAD_LOOP.at(document.place(*where, key), f"`{key}` is no setting of it", fix)


def _positive(document: Document, where: tuple[int | str, ...], names: Iterable[str]) -> Iterator[Finding]:
    values = _at(document, where)
    for name in names:
        if name in values and ((number(values[name]) or 0) <= 0):
            yield BAD_LOOP.at(document.place(*where, name), f"`{name}: {values[name]}`", "write a number above 0")


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
            yield from tools_yaml.check(tools)
