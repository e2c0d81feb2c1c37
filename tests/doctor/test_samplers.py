"""What a veRL recipe says of groups of rollouts, and what veRL would silently make of it."""

import inspect
from pathlib import Path

import pytest

from firsthand.doctor import recipes
from firsthand.doctor.verl import samplers

from .conftest import LOOPED

ROOT = Path(__file__).parents[2]
LOOP = "- {name: single_turn_agent, _target_: firsthand.training.temporal_loop.TemporalLoop, orders: [shuffled]}\n"
PAYS = "def compute_score(data_source, solution_str, ground_truth, extra_info):\n"
PAYS += "    return float(f'<answer>{ground_truth}</answer>' in solution_str)\n"
REWARD = f"{PAYS}\ndef others(extra_info):\n    return extra_info['orders']\n"
DIVIDED, NOT_DIVIDED = "norm_adv_by_std_in_grpo: true", "norm_adv_by_std_in_grpo: false"
TEMPORAL = "temporal: {bonus: 0.3}"


@pytest.fixture
def look(workshop):
    """The rules and fixes of a good recipe in which some text is another."""
    pytest.importorskip("verl")
    (workshop / "loops.yaml").write_text(LOOP)
    (workshop / "reward.py").write_text(REWARD)
    (workshop / "mine.py").write_text(
        "def pay(group, amount, *, least=0): ...\nclass Each:\n    def __init__(self, by): ...\n"
    )

    def run(*changes: str) -> dict[str, tuple[int | None, str]]:
        text = LOOPED
        for old, new in zip(changes[::2], changes[1::2], strict=True):
            assert old in text, old
            text = text.replace(old, new, 1)
        (workshop / "recipe.yaml").write_text(text)
        return {f.rule: (f.line, f.fix) for f in recipes.check(Path("recipe.yaml")).findings}

    return run


def test_a_good_recipe(look):
    assert look() == {}


@pytest.mark.parametrize(("rewards", "fix"), [
    ("temporel: {}", "did you mean `temporal`?"),
    ("mine: {path: nowhere.py:pay}", "path/to/file.py:function"),
    ("mine: {path: 'mine.py:pai', amount: 1}", "pay are there"),
    ("mine: {path: 'mine.py:pay', amount: 1, leest: 2}", "did you mean `least`?"),
    ("mine: {path: 'mine.py:pay'}", "add `amount:`"),
    ("mine: {path: 'mine.py:Each'}", "add `by:`"),
    ("overlong: {buffer: 3}", "add `longest:`"),
    ("running_std: {decai: 3}", "did you mean `decay`?"),
])  # fmt: skip
def test_a_group_reward_that_cannot_be_paid(look, rewards, fix):
    found = look(TEMPORAL, rewards)
    assert found.keys() == {"VR070"} and found["VR070"][0] == 27 and fix in found["VR070"][1]


@pytest.mark.parametrize("rewards", [
    "mine: {path: 'mine.py:pay', amount: 1, least: 2}", "mine: {path: 'mine.py:Each', by: 1}", "temporal: null",
    "overlong: {longest: '${data.max_response_length}', buffer: 0.2}", "per_part: {parts: {accuracy: 1.0}}",
])  # fmt: skip
def test_group_rewards_that_can(look, rewards):
    assert look(TEMPORAL, rewards) == {}


@pytest.mark.parametrize("rewards", ["{temporal: 0.3}", "[temporal]", "3"])
def test_what_names_no_group_rewards(look, rewards):
    """veRL's trainer would stop at it when the models are loaded."""
    assert look(f"{{{TEMPORAL}}}", rewards) == {"VR070": (27, "write each as `name: {argument: value}`")}


def test_a_list_is_read_too(look):
    assert look("{temporal: {bonus: 0.3}}", "[{name: temporal}, {path: 'mine.py:pay', amount: 1}]") == {}
    assert "VR070" in look("{temporal: {bonus: 0.3}}", "[{name: temporal, bonos: 1}]")


@pytest.mark.parametrize("rewards", [TEMPORAL, "scarcity: {height: 1.1}", "running_std: {}"])
def test_a_bonus_that_grpo_divides_away(look, rewards):
    assert "VR071" not in look(TEMPORAL, rewards)
    assert "norm_adv_by_std_in_grpo: false" in look(TEMPORAL, rewards, NOT_DIVIDED, DIVIDED)["VR071"][1]
    assert "VR071" in look(TEMPORAL, rewards, f", {NOT_DIVIDED}", ""), "it is veRL's default"
    assert "VR071" not in look(TEMPORAL, rewards, "grpo,", "rloo_vectorized,", NOT_DIVIDED, DIVIDED)


def test_who_names_a_preset_wants_what_was_published(look):
    assert "VR071" not in look(TEMPORAL, "temporal: {preset: paper}", NOT_DIVIDED, DIVIDED)


def test_what_is_made_to_stand_apart_is_not_divided_afterwards(look):
    assert "VR071" in look(TEMPORAL, "scarcity: {preset: apart}", NOT_DIVIDED, DIVIDED)
    assert "VR071" not in look(TEMPORAL, "scarcity: {preset: apart}")


def test_the_bonus_for_order_needs_answers_on_another_order(look, workshop):
    assert "orders: [reversed]" in look(TEMPORAL, "temporal: {against: reversed}")["VR073"][1]
    (workshop / "reward.py").write_text(PAYS)
    assert "groups_temporal.py" in look()["VR073"][1]
    assert look("    agent: {agent_loop_config_path: loops.yaml}\n", "")["VR073"][0] == 26


def test_the_reward_manager_dapo_hides_what_loops_know(look):
    manager = "  custom_reward_function: {path: reward.py"
    found = look(manager, f"  reward_manager: {{name: dapo}}\n{manager}")
    assert "overlong" in found["VR072"][1]


FILTER = "filter_groups: {enable: true, metric: accuracy}"


def test_dynamic_sampling_works_with_our_sampler_and_not_with_any(look, workshop):
    assert look(NOT_DIVIDED, f"{NOT_DIVIDED}, {FILTER}") == {}
    (workshop / "sampler.py").write_text("class Own: ...\n")
    ours = "{path: pkg://firsthand.training.replay_buffer, name: GroupReplayBuffer}"
    found = look(NOT_DIVIDED, f"{NOT_DIVIDED}, {FILTER}", ours, "{path: sampler.py, name: Own}")
    assert found["VR044"][0] == 17 and "GroupReplayBuffer" in found["VR044"][1]


def test_the_options_are_those_of_the_sampler():
    pytest.importorskip("verl")
    from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer

    own = {"traces", "validation", "group_rewards"}
    assert samplers.OPTIONS - own <= set(inspect.signature(ReplayBuffer.__init__).parameters)
    source = (ROOT / "plugins/firsthand/training/replay_buffer.py").read_text()
    assert all(f'options.pop("{name}"' in source for name in own)


def test_what_the_doctor_knows_of_training_is_true():
    pytest.importorskip("verl")
    from firsthand.training import temporal_loop

    assert f"{temporal_loop.TemporalLoop.__module__}.{temporal_loop.TemporalLoop.__name__}" == samplers.TEMPORAL_LOOP
