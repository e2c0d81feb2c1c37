"""veRL: keys that nothing reads.

Hydra refuses an unknown key on the command line but merges one from a YAML file silently: a misspelt or outdated key
in a recipe is simply without effect. So every key of a recipe is looked up in veRL's own config and dataclasses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from firsthand.doctor import verl_facts
from firsthand.doctor.findings import Finding, rule
from firsthand.doctor.values import similar
from firsthand.doctor.verl_chain import Chain
from firsthand.doctor.yaml_lines import Document, KeyPath

UNKNOWN = rule(
    "VR001",
    "error",
    "a key that veRL does not know",
    "Hydra merges it from a file without a word, and nothing reads it.",
)
LEGACY = rule(
    "VR002",
    "error",
    "a key of an older veRL or of a fork",
    "Still parsed, read by nothing: a reward function here is ignored.",
)
UNCHECKED = rule("VR003", "info", "keys were not checked", "veRL is not installed, so its config is not known here.")
UNSURE = rule(
    "VR004",
    "warning",
    "a key that is in no config of veRL",
    "Some code of veRL reads a key of this name, perhaps elsewhere.",
)
OVERRIDE = rule(
    "VR006",
    "error",
    "command-line syntax in a file",
    "`+key`, `~key` and `a.b.c:` are Hydra's command line; in YAML they are literal names.",
)

ROLLOUT = "actor_rollout_ref.rollout"
TURNS = f"{ROLLOUT}.multi_turn"
# old path -> what to write instead
RENAMED = {
    "custom_reward_function": "reward.custom_reward_function",
    "reward_model.reward_manager": "reward.reward_manager.name",
    "reward_model.num_workers": "reward.num_workers",
    "reward_model.model.path": "reward.reward_model.model_path",
    "reward_model": "reward.reward_model",
    "sandbox_fusion": "reward.sandbox_fusion",
    f"{ROLLOUT}.n_agent": f"{ROLLOUT}.n",
    f"{ROLLOUT}.max_turns": f"{TURNS}.max_assistant_turns",
    f"{ROLLOUT}.chat_scheduler": f"{ROLLOUT}.agent.default_agent_loop",
    f"{ROLLOUT}.max_obs_length": f"{TURNS}.max_tool_response_length (in characters, not tokens)",
    f"{TURNS}.max_turns": f"{TURNS}.max_assistant_turns",
    f"{TURNS}.completion_callback": f"{ROLLOUT}.agent.default_agent_loop",
    f"{TURNS}.interaction_config_path": f"{ROLLOUT}.agent.agent_loop_config_path (interactions are agent loops now)",
    "actor_rollout_ref.actor.state_masking": "nothing: the agent loop returns response_mask",
    "state_masking": "nothing: the agent loop returns response_mask",
    "algorithm.state_masking": "nothing: the agent loop returns response_mask",
    "max_turns": f"{TURNS}.max_assistant_turns",
    "do_search": f"{TURNS}.enable with a tool config",
    "retriever": f"a tool in {TURNS}.tool_config_path",
    "data.max_obs_length": f"{TURNS}.max_tool_response_length (in characters, not tokens)",
    "data.max_start_length": "data.max_prompt_length",
    "data.sampler": "trainer.v1.sampler.custom_sampler",
    "data.curriculum_class": "trainer.v1.sampler.custom_sampler",
    "trainer.val_generations_to_log_to_wandb": "trainer.log_val_generations",
}


def check(chain: Chain) -> Iterator[Finding]:
    engine = next((group.partition("=")[2] for group in chain.groups if group.startswith("model_engine=")), "")
    known = verl_facts.defaults(engine)
    if not known:
        place = chain.recipe.place()
        yield UNCHECKED.at(
            place, "veRL is not installed: keys and composition were not checked", 'pip install "firsthand[cpu]"'
        )
    for document, package in chain.files:
        if package and package[0] == "hydra":
            continue
        node: Any = known
        for part in package:
            node = node.get(part, {}) if isinstance(node, dict) else {}
        yield from _section(document, document.data, (), package, node, engine)


def _section(
    document: Document, data: dict[str, Any], here: KeyPath, package: KeyPath, known: Any, engine: str
) -> Iterator[Finding]:
    for key, value in data.items():
        place = document.place(*here, key)
        path = ".".join(map(str, (*package, *here, key)))
        if path in RENAMED and not _all_null(value):
            inner = [
                old
                for old in RENAMED
                if old.startswith(f"{path}.") and isinstance(value, dict) and old.split(".")[1] in value
            ]
            fix = "; ".join(f"write {RENAMED[old]}" for old in inner or [path])
            yield LEGACY.at(place, f"`{path}` is not read any more", fix)
        elif path in verl_facts.OPEN or not isinstance(known, dict):
            continue
        elif key[:1] in "+~" or ("." in key and key not in known):
            plain = key.lstrip("+~")
            fix = (
                f"nest it: {plain.replace('.', ': {')}: ...{'}' * plain.count('.')}"
                if "." in plain
                else f"write `{plain}`"
            )
            yield OVERRIDE.at(place, f"`{key}` is a literal name here, not an override", fix)
        elif key in known:
            below = known[key]
            if isinstance(value, dict) and (isinstance(below, dict) and below):
                yield from _section(document, value, (*here, key), package, below, engine)
            elif (
                value is not None
                and isinstance(below, dict)
                and below
                and not isinstance(value, dict)
                and "${" not in str(value)
            ):
                yield UNKNOWN.at(
                    place,
                    f"`{path}` is a section, not a value",
                    f"nest keys under it: {', '.join(list(below)[:4])}, ...",
                )
        elif known and key not in verl_facts.target_fields(str(known.get("_target_", ""))):
            yield _unknown(document, here, path, key, known, engine)


def _all_null(value: Any) -> bool:
    return all(map(_all_null, value.values())) if isinstance(value, dict) else value is None


def _unknown(document: Document, here: KeyPath, path: str, key: str, known: dict[str, Any], engine: str) -> Finding:
    place = document.place(*here, key)
    elsewhere = verl_facts.leaves(engine)
    if typo := similar(key, [str(name) for name in known]):
        return UNKNOWN.at(place, f"veRL has no `{path}`", f"did you mean `{typo[0]}`?")
    if key in elsewhere:
        shared = sorted(elsewhere[key], key=lambda other: -_common(other, path))[:2]
        return UNKNOWN.at(
            place, f"veRL has no `{path}`", f"did you mean {' or '.join(f'`{other}`' for other in shared)}?"
        )
    if key in verl_facts.read_names():
        return UNSURE.at(
            place,
            f"`{path}` is in no config of veRL, but its code reads some `{key}`",
            "check that it is read at this place",
        )
    if far := similar(key, elsewhere):
        return UNKNOWN.at(place, f"veRL has no `{path}`", f"did you mean `{elsewhere[far[0]][0]}`?")
    return UNKNOWN.at(place, f"veRL has no `{path}`", "remove it")


def _common(one: str, other: str) -> int:
    return len(set(one.split(".")) & set(other.split(".")))
