"""Which kind of file a recipe is, and the checks of that kind.

A check that fails is itself reported: a doctor that dies on one recipe says nothing about the other nine.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from firsthand.doctor import (
    lf_conflicts,
    lf_keys,
    lf_model,
    lf_rows,
    paths,
    tools_yaml,
    verl_agents,
    verl_chain,
    verl_files,
    verl_keys,
    verl_rows,
    verl_settings,
    verl_sizes,
    yaml_lines,
)
from firsthand.doctor.findings import Finding, Place, rule
from firsthand.doctor.yaml_lines import Document

UNKNOWN_KIND = rule("RC005", "error", "neither a LLaMA-Factory nor a veRL recipe", "None of its keys is one of theirs.")
BROKEN_CHECK = rule("RC099", "error", "a check of the doctor failed", "A fault of firsthand: please report the file.")

LLAMAFACTORY = {
    "model_name_or_path",
    "adapter_name_or_path",
    "export_dir",
    "finetuning_type",
    "stage",
    "template",
    "dataset",
    "dataset_dir",
    "do_train",
    "output_dir",
}
VERL = {
    "actor_rollout_ref",
    "algorithm",
    "critic",
    "trainer",
    "data",
    "reward",
    "custom_reward_function",
    "reward_model",
    "defaults",
    "hydra",
}

TRAINING = {"do_train", "do_eval", "do_predict", "dataset", "output_dir", "stage", "learning_rate"}


@dataclass(frozen=True)
class Checked:
    file: str
    kind: str
    findings: tuple[Finding, ...]

    def without(self, rules: Container[str]) -> Checked:
        return replace(self, findings=tuple(finding for finding in self.findings if finding.rule not in rules))


def expand(names: list[str]) -> list[tuple[Path, bool]]:
    """Files to check, and whether each was named itself; a folder stands for its *.yaml."""
    found: list[tuple[Path, bool]] = []
    for name in names:
        path = Path(name)
        try:
            inside = sorted(path.glob("*.yaml")) if path.is_dir() else []
        except (OSError, ValueError):
            inside = []
        found += [(file, False) for file in inside] or [(path, True)]
    return list(dict(found).items())


def check(path: Path, named: bool = True) -> Checked:
    """Everything that is wrong with one file; never an exception."""
    document, findings = yaml_lines.load(path)
    kind = "unreadable"
    if document is not None:
        kind = detect(document.data)
        findings = [*findings, *_guarded(partial(_by_kind, document, kind, named), document)]
    own_file_first = sorted(
        set(findings), key=lambda f: (f.file != str(path), f.file or "", f.line or 0, f.rule, f.fix)
    )
    return Checked(str(path), kind, tuple(own_file_first))


def detect(data: Any) -> str:
    if isinstance(data, list):
        return "verl agent loops" if data and all(isinstance(e, dict) and "_target_" in e for e in data) else "unknown"
    if not isinstance(data, dict):
        return "unknown"
    keys = {key.lstrip("+~").split(".")[0] for key in data}
    if keys & VERL and not keys & LLAMAFACTORY:
        return "verl"
    if "export_dir" in keys:
        return "llamafactory export"
    if keys & LLAMAFACTORY:
        return "llamafactory train" if keys & TRAINING else "llamafactory chat"
    tools = data.get("tools")
    if isinstance(tools, dict):
        return "tools"
    if isinstance(tools, str) and "teacher" in keys:
        return "chains of tool calls"
    is_tools = isinstance(tools, list) and any(isinstance(tool, dict) and "class_name" in tool for tool in tools)
    return "verl tools" if is_tools else "unknown"


def _by_kind(document: Document, kind: str, named: bool) -> Iterator[Finding]:
    yield from paths.absolute_paths(document)
    if kind.startswith("llamafactory"):
        verb = kind.split()[1]
        for module in (lf_keys, lf_model):
            yield from _guarded(partial(module.check, document, verb), document)
        for module in (lf_conflicts, lf_rows) if verb == "train" else ():
            yield from _guarded(partial(module.check, document), document)
    elif kind == "verl":
        chain = verl_chain.follow(document)
        yield from chain.findings
        yield from _guarded(partial(verl_keys.check, chain), document)
        if chain.base is not None:  # an overlay alone decides nothing
            for module in (verl_settings, verl_sizes, verl_files, verl_rows, verl_agents):
                yield from _guarded(partial(module.check, chain), document)
    elif kind == "verl agent loops":
        yield from verl_files.agent_loops(document)
    elif kind == "tools":
        yield from tools_yaml.check(document)
    elif kind == "chains of tool calls":
        for key in ("questions", "tools"):
            yield from paths.missing(document.place(key), document.data.get(key), document.path)
    elif kind == "verl tools":
        yield from verl_files.tools(document)
    else:
        message = "no key of LLaMA-Factory or veRL in it"
        fix = "a LLaMA-Factory recipe has `model_name_or_path`, a veRL recipe `defaults: [ppo_trainer, _self_]`"
        yield UNKNOWN_KIND.at(document.place(), message, fix, level="error" if named else "info")


def _guarded(run: Callable[[], Iterator[Finding]], document: Document) -> Iterator[Finding]:
    try:
        yield from run()
    except Exception as error:
        place = Place(str(document.path), 1)
        yield BROKEN_CHECK.at(place, f"{type(error).__name__}: {error}", "report it with this file")
