"""veRL: the files, functions, agent loops and tools that a recipe names."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from firsthand.doctor.verl import agent_loops as loops
from firsthand.findings import RULES, Finding
from firsthand.recipe import named_files, yaml_lines
from firsthand.recipe.hydra_chain import Chain
from firsthand.recipe.python_objects import look_up, look_up_dotted, source_of, takes_reward_arguments
from firsthand.recipe.python_source import package_folder
from firsthand.recipe.values import did_you_mean
from firsthand.recipe.yaml_lines import Document

NO_LOOP = RULES["VR024"]
BAD_TOOLS = RULES["VR025"]

ROLLOUT = "actor_rollout_ref.rollout"
AGENT, TURNS = f"{ROLLOUT}.agent", f"{ROLLOUT}.multi_turn"
# a Python file -> the key that names an object in it
OBJECTS = {
    "reward.custom_reward_function.path": "reward.custom_reward_function.name",
    "trainer.v1.sampler.custom_sampler.path": "trainer.v1.sampler.custom_sampler.name",
    "data.custom_cls.path": "data.custom_cls.name",
    "reward.reward_manager.module.path": "reward.reward_manager.name",
    f"{AGENT}.custom_async_server.path": f"{AGENT}.custom_async_server.name",
}
FILES = ("data.train_files", "data.val_files", f"{TURNS}.function_tool_path", "trainer.resume_from_path")


def check(chain: Chain) -> Iterator[Finding]:
    recipe = chain.recipe.path
    for key in FILES:
        for path in chain.paths(key):
            yield from named_files.missing(chain.place(key), path, recipe)
    for key in ("actor_rollout_ref.model.path", "actor_rollout_ref.model.lora_adapter_path"):
        model = chain.get(key)
        if isinstance(model, str) and named_files.is_local(model) and chain.sets(key):
            yield from named_files.missing(chain.place(key), model, recipe)
    for key, name_key in OBJECTS.items():
        yield from _object(chain, key, name_key)
    for key, check_file in ((f"{TURNS}.tool_config_path", tools), (f"{AGENT}.agent_loop_config_path", agent_loops)):
        document, findings = _named(chain, key)
        yield from findings
        if document is not None:
            yield from check_file(document)
    yield from _default_loop(chain)


def _object(chain: Chain, key: str, name_key: str) -> Iterator[Finding]:
    path, name = chain.get(key), chain.get(name_key)
    unused = key.startswith("reward.reward_manager") and chain.get("reward.reward_manager.source") != "importlib"
    if not isinstance(path, str) or not path or "${" in path or unused:
        return
    file = source_of(path)
    if file is None:
        fix = "correct the path; it is looked for from " + str(Path.cwd())
        yield named_files.MISSING.at(chain.place(key), f"`{path}` does not exist", fix)
    elif isinstance(name, str):
        node, finding = look_up(chain.place(name_key), file, name)
        if finding is None and name_key.startswith("reward.custom"):
            finding = takes_reward_arguments(chain.place(name_key), file, node)
        if finding:
            yield finding
    else:
        leaf = name_key.rsplit(".", 1)[-1]
        yield named_files.MISSING.at(
            chain.place(name_key), f"`{path}` without a name in it", f"add `{leaf}:` beside `path:`"
        )


def _named(chain: Chain, key: str) -> tuple[Document | None, list[Finding]]:
    path = chain.get(key)
    if not isinstance(path, str):
        return None, []
    if lost := list(named_files.missing(chain.place(key), path, chain.recipe.path)):
        return None, lost
    return yaml_lines.load(Path(path)) if "${" not in path else (None, [])


def tools(document: Document) -> Iterator[Finding]:
    entries = document.data.get("tools") if isinstance(document.data, dict) else None
    if not isinstance(entries, list):
        yield BAD_TOOLS.at(document.place("tools"), "no list of `tools`", "begin with `tools:` and a list")
        return
    for index, entry in enumerate(entries):
        here = ("tools", index)
        config = entry.get("config") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(entry.get("class_name"), str):
            fix = "add `class_name: package.module.Class`"
            yield BAD_TOOLS.at(document.place(*here), "a tool without `class_name`", fix)
            continue
        if not isinstance(config, dict) or config.get("type") != "native":
            place = document.place(*here, "config", "type")
            yield BAD_TOOLS.at(place, "veRL runs native tools only", "write `config: {type: native}`")
        if finding := look_up_dotted(document.place(*here, "class_name"), entry["class_name"]):
            yield finding


def agent_loops(document: Document) -> Iterator[Finding]:
    if not isinstance(document.data, list):
        yield BAD_TOOLS.at(document.place(), "no list of agent loops", "begin with `- name:` and `_target_:`")
        return
    for index, entry in enumerate(document.data):
        if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in ("name", "_target_")):
            yield BAD_TOOLS.at(document.place(index), "an agent loop without name and _target_", "add both")
        else:
            if finding := look_up_dotted(document.place(index, "_target_"), entry["_target_"]):
                yield finding
            yield from loops.settings(document, index)


def agent_entries(chain: Chain) -> list[dict[str, Any]]:
    """The loops that the recipe registers; none of a file that cannot be read."""
    config = chain.get(f"{AGENT}.agent_loop_config_path")
    document = yaml_lines.load(Path(config))[0] if isinstance(config, str) else None
    entries = document.data if document is not None and isinstance(document.data, list) else []
    return [entry for entry in entries if isinstance(entry, dict)]


@cache
def builtin_loops() -> frozenset[str]:
    verl = package_folder("verl")
    sources = sorted((verl / "experimental" / "agent_loop").glob("*.py")) if verl else []
    return frozenset(name for path in sources for name in re.findall(r'^@register\("(\w+)"\)', path.read_text(), re.M))


def _default_loop(chain: Chain) -> Iterator[Finding]:
    key = f"{AGENT}.default_agent_loop"
    name, config = chain.get(key), chain.get(f"{AGENT}.agent_loop_config_path")
    entries = agent_entries(chain)
    known = builtin_loops() | {str(entry.get("name")) for entry in entries}
    if isinstance(name, str) and builtin_loops() and name not in known and (config is None or entries):
        fix = did_you_mean(name, known, f"register it in `{AGENT}.agent_loop_config_path`")
        yield NO_LOOP.at(chain.place(key), f"no agent loop is called `{name}`", fix)
