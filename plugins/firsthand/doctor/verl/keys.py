"""veRL: keys that nothing reads.

Hydra refuses an unknown key on the command line but merges one from a YAML file silently: a misspelt or outdated key
in a recipe is simply without effect. So every key of a recipe is looked up in veRL's own config and dataclasses.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from firsthand.findings import RULES, Finding, Place
from firsthand.recipe import verl_facts
from firsthand.recipe.hydra_chain import Chain
from firsthand.recipe.python_objects import names_read, source_of
from firsthand.recipe.values import similar
from firsthand.recipe.yaml_lines import Document, KeyPath

UNKNOWN = RULES["VR001"]
LEGACY = RULES["VR002"]
UNCHECKED = RULES["VR003"]
UNSURE = RULES["VR004"]
OVERRIDE = RULES["VR006"]

# keys of older versions of veRL and of its forks, and what to write today
ROLLOUT = "actor_rollout_ref.rollout"
TURNS = f"{ROLLOUT}.multi_turn"
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
        message, fix = "veRL is not installed: keys and composition were not checked", 'pip install "firsthand[cpu]"'
        yield UNCHECKED.at(chain.recipe.place(), message, fix)
    dataset = chain.get("data.custom_cls.path")
    file = source_of(dataset) if isinstance(dataset, str) else None
    own = names_read(file) if file else frozenset()
    for document, package in chain.files:
        section: Any = known
        for part in package:
            section = section.get(part) if isinstance(section, dict) else None
        lookup = _Lookup(document, package, engine, own)
        yield from lookup.section(document.data, (), section if isinstance(section, dict) else {})


@dataclass(frozen=True)
class _Lookup:
    """One file of the recipe against the tree of known keys."""

    document: Document
    package: KeyPath
    engine: str
    own: frozenset[str]  # what the recipe's own dataset class reads from `data`

    def section(self, data: dict[str, Any], here: KeyPath, known: dict[str, Any]) -> Iterator[Finding]:
        for key, value in data.items():
            path = ".".join(map(str, (*self.package, *here, key)))
            place = self.document.place(*here, key)
            if path in RENAMED and not _all_null(value):
                yield LEGACY.at(place, f"`{path}` is not read any more", _renamed(path, value))
            elif path in verl_facts.OPEN or not known:
                continue
            elif key[:1] in "+~" or "." in key:
                yield OVERRIDE.at(place, f"`{key}` is a literal name here, not an override", _nested(key))
            elif key not in known:
                yield from self.unknown(place, path, key, known)
            elif isinstance(below := known[key], dict) and below:
                if isinstance(value, dict):
                    yield from self.section(value, (*here, key), below)
                elif value is not None and "${" not in str(value):
                    fix = f"nest keys under it: {', '.join(list(below)[:4])}, ..."
                    yield UNKNOWN.at(place, f"`{path}` is a section, not a value", fix)

    def unknown(self, place: Place, path: str, key: str, known: dict[str, Any]) -> Iterator[Finding]:
        message, elsewhere = f"veRL has no `{path}`", verl_facts.leaves(self.engine)
        if key in verl_facts.target_fields(str(known.get("_target_"))) or (path == f"data.{key}" and key in self.own):
            return
        if typo := similar(key, map(str, known)):
            yield UNKNOWN.at(place, message, f"did you mean `{typo[0]}`?")
        elif key in elsewhere:
            nearest = max(elsewhere[key], key=lambda other: len(set(other.split(".")) & set(path.split("."))))
            yield UNKNOWN.at(place, message, f"did you mean `{nearest}`?")
        elif key in verl_facts.read_names():
            message = f"`{path}` is in no config of veRL, but its code reads some `{key}`"
            yield UNSURE.at(place, message, "check that it is read at this place")
        elif far := similar(key, elsewhere):
            yield UNKNOWN.at(place, message, f"did you mean `{elsewhere[far[0]][0]}`?")
        else:
            yield UNKNOWN.at(place, message, "remove it")


def _all_null(value: Any) -> bool:
    return all(map(_all_null, value.values())) if isinstance(value, dict) else value is None


def _renamed(path: str, value: Any) -> str:
    """The new names of what the section holds, or of the section."""
    below = [old for old in RENAMED if isinstance(value, dict) and old.removeprefix(f"{path}.").split(".")[0] in value]
    return "; ".join(f"write {RENAMED[old]}" for old in below or [path])


def _nested(key: str) -> str:
    plain = key.lstrip("+~")
    braces = "}" * plain.count(".")
    return f"nest it: {plain.replace('.', ': {')}: ...{braces}" if braces else f"write `{plain}`"
