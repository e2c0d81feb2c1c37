"""What the installed veRL accepts: its composed default config, and the dataclasses behind the sections of it."""

import re
from functools import cache
from typing import Any

import yaml

from firsthand.recipe.hydra_search import config_folder
from firsthand.recipe.python_source import Dataclasses, package_folder

# Sections whose content veRL hands on to something else
OPEN = (
    "ray_kwargs.ray_init",
    "trainer.v1.curriculum",  # of training/curriculum_trainer.py
    "reward.custom_reward_function.reward_kwargs",
    "reward.reward_kwargs",
    "actor_rollout_ref.model.override_config",
    "critic.model.override_config",
    "hydra",
    "defaults",
)


@cache
def defaults(engine: str = "") -> dict[str, Any]:
    """veRL's default config as one tree; empty when veRL is not installed."""
    folder = config_folder()
    engine_part = f"{engine}_" if engine and engine != "dp" else ""
    path = folder / f"_generated_ppo_{engine_part}trainer.yaml" if folder else None
    if path is None or not path.is_file():
        return {}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(path.read_bytes(), Loader=loader)


@cache
def leaves(engine: str = "") -> dict[str, list[str]]:
    """The last part of every key -> the dotted paths that end with it."""
    found: dict[str, list[str]] = {}

    def visit(node: dict[str, Any], prefix: str) -> None:
        for name, value in node.items():
            found.setdefault(str(name), []).append(f"{prefix}{name}")
            if isinstance(value, dict):
                visit(value, f"{prefix}{name}.")

    visit(defaults(engine), "")
    return found


@cache
def _dataclasses() -> Dataclasses:
    verl = package_folder("verl")
    folders = ("workers/config", "trainer/config", "utils/profiler", "utils/skip")
    return Dataclasses(path for folder in folders if verl for path in sorted((verl / folder).rglob("*.py")))


@cache
def target_fields(target: str) -> frozenset[str]:
    """Fields of the dataclass that a section becomes; some are missing from veRL's own YAML."""
    return frozenset(_dataclasses().fields(target.rsplit(".", 1)[-1]))


@cache
def read_names() -> frozenset[str]:
    """Every name that veRL's code asks a config for with `.get("name"`: some are in no YAML and no dataclass."""
    verl = package_folder("verl")
    sources = verl.rglob("*.py") if verl else []
    return frozenset(
        name for path in sources for name in re.findall(r'\.get\(\s*"(\w+)"', path.read_text(errors="replace"))
    )
