"""The reward function of a veRL recipe, loaded by its path and called with its arguments as veRL does it.

veRL itself is not imported: it brings torch and Ray along. `tests/rewards/test_function.py` compares the two.
"""

import asyncio
import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from firsthand import python_files
from firsthand.errors import UserError
from firsthand.findings import Place
from firsthand.recipe import hydra_chain, yaml_lines
from firsthand.recipe.hydra_chain import Chain
from firsthand.recipe.python_objects import source_of

KEYS = ("reward.custom_reward_function", "custom_reward_function")  # the second is the older one
AGENT = "actor_rollout_ref.rollout.agent"
LOOP, LOOPS = f"{AGENT}.default_agent_loop", f"{AGENT}.agent_loop_config_path"
Scores = dict[str, float]


@dataclass(frozen=True)
class Reward:
    function: Callable[..., Any]
    name: str  # `file:function`
    place: Place  # in the recipe
    settings: Mapping[str, Any]  # `reward_kwargs`

    def score(self, text: str, truth: Any, info: Mapping[str, Any], data_source: str = "") -> Scores:
        """Every number that veRL would log; it adds two keys to `extra_info`."""
        given = {**info, "num_turns": None, "rollout_reward_scores": {}}
        try:
            result = self.function(
                data_source=data_source, solution_str=text, ground_truth=truth, extra_info=given, **self.settings
            )
            if inspect.isawaitable(result):
                result = _loop().run_until_complete(result)
            return _numbers(result)
        except (Exception, SystemExit) as error:
            raise UserError(f"{self.name} ends in {type(error).__name__}: {error}") from error


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """One for all calls: a client of a server belongs to its loop."""
    return asyncio.new_event_loop()


def _numbers(result: Any) -> Scores:
    if not isinstance(result, dict):
        return {"score": float(result)}
    if "score" not in result:
        raise ValueError(f"what it returns has no `score`, only {', '.join(map(str, result))}")
    return {str(name): float(value) for name, value in result.items()}


def of_recipe(path: Path) -> tuple[Chain, Reward]:
    """The recipe and its reward function; UserError where it has none that can be loaded."""
    document, findings = yaml_lines.load(path)
    if document is None:
        raise UserError(f"{path}: {findings[0].message}")
    if document.kind != "verl":
        raise UserError(f"{path}: not a veRL recipe; give one with `reward.custom_reward_function`")
    chain = hydra_chain.follow(document)
    if (found := of_chain(chain)) is None:
        raise UserError(f"{path}: names no reward function; write `reward.custom_reward_function: {{path, name}}`")
    return chain, found


def of_chain(chain: Chain) -> Reward | None:
    """None where the recipe leaves the reward to veRL."""
    for key in KEYS:
        path, name = chain.get(f"{key}.path"), chain.get(f"{key}.name") or "compute_score"
        if isinstance(path, str) and path and isinstance(name, str):
            place = chain.place(f"{key}.path")
            where = f"{place.file}:{place.line}: {key}: "
            function = getattr(load(path, where), name, None)
            if not callable(function):
                raise UserError(f"{where}{path} defines no function `{name}`")
            settings = _as_verl_gives_it(chain.get(f"{key}.reward_kwargs"))
            return Reward(function, f"{path}:{name}", place, settings)
    return None


def load(path: str, where: str = "") -> ModuleType:
    """`some/file.py`, `file://some/file.py` or `pkg://some.module`."""
    try:
        if path.startswith("pkg://"):
            return importlib.import_module(path.removeprefix("pkg://").replace("/", "."))
        if (file := source_of(path)) is None:
            raise UserError(f"{where}{path} is not a Python file; it is looked for from {Path.cwd()}")
        return python_files.load(file)
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise UserError(f"{where}{path} cannot be loaded ({type(error).__name__}: {error})") from error


def _as_verl_gives_it(settings: Any) -> dict[str, Any]:
    if not isinstance(settings, dict):
        return {}
    try:
        from omegaconf import OmegaConf
    except ImportError:
        return settings
    return dict(OmegaConf.create(settings))
