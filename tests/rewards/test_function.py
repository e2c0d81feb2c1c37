"""A recipe's reward function is found, loaded and called as veRL does it."""

import asyncio
import inspect
from pathlib import Path
from typing import Any

import pytest

from firsthand.errors import UserError
from firsthand.rewards import function

RECIPE = """
defaults: [ppo_trainer, _self_]
reward:
  custom_reward_function:
    path: {path}
    name: {name}
    reward_kwargs: {{weights: {{a: 2}}, sorts: [1, 2]}}
"""
BODY = """
def compute_score(data_source, solution_str, ground_truth, extra_info=None, weights=None, sorts=(), **more):
    assert extra_info["num_turns"] is None and extra_info["rollout_reward_scores"] == {}
    return {"score": float(solution_str == ground_truth) * weights.a, "sorts": len(sorts), "kind": weights.get("b", 0)}

async def slow(**given):
    return compute_score(**given)

def number(**given):
    return 0.5

def nothing(**given):
    return {"right": 1.0}

def broken(**given):
    return {}["x"]
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Any:
    def write(name: str = "compute_score", body: str = BODY, path: str = "") -> Path:
        (tmp_path / "my_reward.py").write_text(body)
        file = tmp_path / "recipe.yaml"
        file.write_text(RECIPE.format(path=path or tmp_path / "my_reward.py", name=name))
        return file

    return write


def score(recipe: Path) -> dict[str, float]:
    return function.of_recipe(recipe)[1].score("B", "B", {})


@pytest.mark.parametrize("name", ["compute_score", "slow"])
def test_it_gets_what_verl_gives_it(recipe, name: str) -> None:
    """The function of veRL itself, with the recipe that veRL composes, gives the same."""
    found = score(recipe(name))
    assert found == {"score": 2.0, "sorts": 2.0, "kind": 0.0}
    reward = pytest.importorskip("verl.trainer.ppo.reward")
    from firsthand.recipe.hydra_search import compose

    theirs = reward.get_custom_reward_fn(compose(recipe(name)))
    info = {"num_turns": None, "rollout_reward_scores": {}}
    result = theirs(data_source="", solution_str="B", ground_truth="B", extra_info=info)
    assert (asyncio.run(result) if inspect.isawaitable(result) else result) == found


def test_a_bare_number_is_the_score(recipe) -> None:
    assert score(recipe("number")) == {"score": 0.5}


def test_addresses_of_a_file(recipe, tmp_path: Path) -> None:
    file = recipe("number")
    assert score(recipe("number", path=f"file://{tmp_path}/my_reward.py")) == score(file)
    reward = function.load("pkg://firsthand.reward_fns.choice")
    assert reward.compute_score("x", "<answer>B</answer>", "B", parts={"accuracy": 1})["score"] == 1


@pytest.mark.parametrize(("change", "message"), [
    ({"name": "compute"}, r"recipe.yaml:5: reward.custom_reward_function: .*defines no function `compute`"),
    ({"path": "no/such.py"}, r"recipe.yaml:5: .*no/such.py is not a Python file"),
    ({"body": "import no_such_module"}, r"cannot be loaded \(ModuleNotFoundError: No module named 'no_such_module'"),
    ({"body": "def f(:"}, r"cannot be loaded \(SyntaxError"),
    ({"body": "raise SystemExit(3)"}, r"cannot be loaded \(SystemExit"),
    ({"name": "nothing"}, r"has no `score`, only right"),
    ({"name": "broken"}, r"my_reward.py:broken ends in KeyError: 'x'"),
])  # fmt: skip
def test_what_is_wrong_is_a_message(recipe, change: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        score(recipe(**change))


def test_a_recipe_without_a_reward(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("defaults: [ppo_trainer, _self_]\n")
    with pytest.raises(UserError, match="names no reward function"):
        function.of_recipe(file)
    file.write_text("stage: sft\nmodel_name_or_path: x\n")
    with pytest.raises(UserError, match="not a veRL recipe"):
        function.of_recipe(file)
