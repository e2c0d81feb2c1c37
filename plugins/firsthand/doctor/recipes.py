"""Which kind of file a recipe is, and the checks of that kind.

A check that crashes is itself reported: otherwise one recipe would hide what is wrong with the others.
"""

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from firsthand.doctor import egoagent, qwen3_5
from firsthand.doctor.llamafactory import conflicts, model
from firsthand.doctor.llamafactory import keys as llamafactory_keys
from firsthand.doctor.llamafactory import rows as llamafactory_rows
from firsthand.doctor.machine import demands
from firsthand.doctor.verl import agent_loops, agents, files, samplers, settings, sizes
from firsthand.doctor.verl import keys as verl_keys
from firsthand.doctor.verl import rows as verl_rows
from firsthand.findings import RULES, Finding, Place
from firsthand.recipe import hydra_chain, named_files, yaml_lines
from firsthand.recipe.yaml_lines import Document
from firsthand.rewards import preflight

UNKNOWN_KIND = RULES["RC005"]
BROKEN_CHECK = RULES["RC099"]


@dataclass(frozen=True)
class Checked:
    file: str
    kind: str
    findings: tuple[Finding, ...]

    def without(self, rules: Container[str]) -> "Checked":
        return replace(self, findings=tuple(finding for finding in self.findings if finding.rule not in rules))


def expand(names: list[str]) -> list[tuple[Path, bool]]:
    """Files to check, and whether each was named itself; a folder means every *.yaml in it."""
    found: list[tuple[Path, bool]] = []
    for name in names:
        path = Path(name)
        try:
            inside = sorted(path.rglob("*.yaml")) if path.is_dir() else []
        except (OSError, ValueError):
            inside = []
        found += [(file, False) for file in inside] or [(path, True)]
    return list(dict(found).items())


def check(path: Path, named: bool = True, here: dict[str, Any] | None = None, gpus: int | None = None) -> "Checked":
    """Everything that is wrong with one file, and with this machine for it; never an exception. `gpus` is how many the
    run gets, where that is not what the recipe says."""
    document, findings = yaml_lines.load(path)
    kind = "unreadable"
    if document is not None:
        kind = document.kind
        findings = [*findings, *_guarded(partial(_by_kind, document, kind, named, here, gpus), document)]
    own_file_first = sorted(
        set(findings), key=lambda f: (f.file != str(path), f.file or "", f.line or 0, f.rule, f.fix)
    )
    return Checked(str(path), kind, tuple(own_file_first))


def _by_kind(
    document: Document, kind: str, named: bool, here: dict[str, Any] | None, gpus: int | None
) -> Iterator[Finding]:
    yield from named_files.absolute_paths(document)
    if kind.startswith("llamafactory"):
        verb = kind.split()[1]
        for module in (llamafactory_keys, model):
            yield from _guarded(partial(module.check, document, verb), document)
        for module in (conflicts, llamafactory_rows) if verb == "train" else ():
            yield from _guarded(partial(module.check, document), document)
        if verb == "train" and here:
            yield from _guarded(partial(demands.of_llamafactory, document, here), document)
        yield from _guarded(partial(_qwen3_5_of_llamafactory, document, verb), document)
    elif kind == "verl":
        chain = hydra_chain.follow(document)
        yield from chain.findings
        yield from _guarded(partial(verl_keys.check, chain), document)
        if chain.base is not None:  # an overlay alone decides nothing
            if gpus:
                chain.values = chain.values | {"trainer": (chain.get("trainer") or {}) | {"n_gpus_per_node": gpus}}
            for module in (settings, sizes, files, verl_rows, agents, samplers, preflight):
                yield from _guarded(partial(module.check, chain), document)
            if here:
                larger = gpus is not None and gpus > len(here["gpus"])  # the run is for another machine than this one
                on = here | {"gpus": []} if larger else here
                yield from _guarded(partial(demands.of_verl, chain, on), document)
            yield from _guarded(partial(_qwen3_5_of_verl, chain), document)
    elif kind == "verl agent loops":
        yield from files.agent_loops(document)
    elif kind == "tools":
        yield from agent_loops.tools_yaml(document)
    elif kind == "chains of tool calls":
        for key in ("questions", "tools"):
            yield from named_files.missing(document.place(key), document.data.get(key), document.path)
    elif kind in ("selection", "curriculum"):
        for key in ("pool", "regions", "train", "select", "start"):
            yield from named_files.missing(document.place(key), document.data.get(key), document.path)
    elif kind == "verl tools":
        yield from files.tools(document)
    elif kind == "egoagent":
        yield from egoagent.check(document)
    elif kind != "egoagent model":
        message = "no key of LLaMA-Factory or veRL in it"
        fix = "a LLaMA-Factory recipe has `model_name_or_path`, a veRL recipe `defaults: [ppo_trainer, _self_]`"
        yield UNKNOWN_KIND.at(document.place(), message, fix, level="error" if named else "info")


def _qwen3_5_of_llamafactory(document: Document, verb: str) -> Iterator[Finding]:
    model, on_cpu = document.data.get("model_name_or_path"), document.data.get("use_cpu") is True
    yield from qwen3_5.check(document.place("model_name_or_path"), model, on_cpu=on_cpu, runs=verb == "train")


def _qwen3_5_of_verl(chain: hydra_chain.Chain) -> Iterator[Finding]:
    path, own = (f"actor_rollout_ref.model.{key}" for key in ("path", "custom_chat_template"))
    on_cpu = chain.get("trainer.device") == "cpu"
    yield from qwen3_5.check(chain.place(path), chain.get(path), chain.get(own), on_cpu)


def _guarded(run: Callable[[], Iterator[Finding]], document: Document) -> Iterator[Finding]:
    try:
        yield from run()
    except Exception as error:
        place = Place(str(document.path), 1)
        yield BROKEN_CHECK.at(place, f"{type(error).__name__}: {error}", "report it with this file")
