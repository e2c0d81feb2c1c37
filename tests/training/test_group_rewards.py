"""Group rewards of a recipe: found, given their arguments, paid in order, remembered. And the arithmetic of
docs/group_rewards.md, with veRL's own estimators: what a bonus can change, and what it cannot."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("verl")
import numpy as np
import torch
from firsthand.reward_fns import groups
from omegaconf import OmegaConf
from verl import DataProto
from verl.trainer.ppo.v1.utils import compute_advantage_for_multi_trajectories

from firsthand.errors import UserError
from firsthand.rollout.telemetry import Rollout
from firsthand.training.group_rewards import GroupRewards, resumed, saved_with


def rollouts(*parts: dict[str, float], length: int = 0, **facts) -> list[Rollout]:
    return [
        Rollout(f"q_{n}_0", part.get("accuracy", 0.0), dict(part), facts=facts, length=length)
        for n, part in enumerate(parts)
    ]


def advantages(scores: list[float], estimator: str, by_std: bool = True) -> list[float]:
    """What veRL makes of the scores of one group."""
    data = DataProto.from_dict(
        {"token_level_rewards": torch.tensor(scores)[:, None], "response_mask": torch.ones(len(scores), 1)},
        {"uid": np.array(["q"] * len(scores), dtype=object)},
    )
    keys = [f"q_{number}_0" for number in range(len(scores))]
    made = compute_advantage_for_multi_trajectories(data, keys, estimator, norm_adv_by_std_in_grpo=by_std)
    return [round(value, 4) for value in made.batch["advantages"][:, 0].tolist()]


ESTIMATORS = {"divided": ("grpo", True), "not divided": ("grpo", False), "rloo": ("rloo_vectorized", False)}


@pytest.mark.parametrize(("how", "plain", "paid"), [
    ("divided", (1.2076, -0.7246), (1.2076, -0.7246)),  # the bonus is gone
    ("not divided", (0.625, -0.375), (0.8125, -0.4875)),
    ("rloo", (0.7143, -0.4286), (0.9286, -0.5571)),
])  # fmt: skip
def test_the_bonus_for_order_on_rewards_of_0_and_1(how, plain, paid):
    """Eight rollouts, three right, all well formed: two levels of reward, with the bonus and without it."""
    found = []
    for bonus in (0.0, 0.3):
        group = rollouts(*({"accuracy": float(n < 3), "accuracy_shuffled": 0.0} for n in range(8)))
        groups.temporal(group, bonus=bonus)
        found.append(advantages([1.0 + rollout.score for rollout in group], *ESTIMATORS[how]))
    assert [(set(one[:3]), set(one[3:])) for one in found] == [({plain[0]}, {plain[1]}), ({paid[0]}, {paid[1]})]


def test_the_bonus_acts_where_another_part_varies():
    """Two of the three right ones are well formed (0.1): three levels, and their distances are seen."""
    formed = [1.1, 1.1, 1.0, 0.1, 0.1, 0.1, 0.1, 0.1]
    plain = advantages(formed, "grpo")
    paid = advantages([score + 0.3 * (score >= 1) for score in formed], "grpo")
    assert plain != paid and (plain[0] - plain[2]) > (paid[0] - paid[2]) > 0


@pytest.mark.parametrize(("accuracy", "grounded", "divided", "not_divided"), [
    ([0, 0, 0, 0, 0], [1, 0, 0, 0, 0], [1.7889, *4 * [-0.4472]], [0.72, *4 * [-0.18]]),
    ([1, 1, 1, 1, 1], [1, 1, 1, 1, 0], [*4 * [0.4472], -1.7889], [*4 * [0.06], -0.24]),
    ([1, 1, 0, 0, 0], [1, 0, 1, 0, 0], [1.4186, 0.4451, 0.0278, -0.9457, -0.9457], [1.02, 0.32, 0.02, -0.68, -0.68]),
])  # fmt: skip
def test_scarcity(accuracy, grounded, divided, not_divided):
    def found(by_std: bool, **arguments: Any) -> list[float]:
        pairs = zip(accuracy, grounded, strict=True)
        group = rollouts(*({"accuracy": float(a), "grounded": float(g), "objects": 1.0} for a, g in pairs))
        groups.scarcity(group, **arguments)
        return advantages([rollout.score for rollout in group], "grpo", by_std)

    assert found(True) == pytest.approx(divided, abs=2e-4)
    assert found(False) == pytest.approx(not_divided, abs=2e-4)
    if len(set(accuracy)) == 1:  # then height and weight change nothing: it is a plain reward of 0 or 1
        plain = pytest.approx(divided, abs=2e-4)
        assert found(True, preset="released") == plain and found(True, height=9.0) == plain
        assert advantages([float(one) for one in grounded], "grpo") == plain


@pytest.mark.parametrize(("accuracy", "grounded", "expected"), [
    ([1, 1, 1, 1, 1], [1, 0, 0, 0, 0], [0.72, *4 * [-0.18]]),  # one of five earns 0.9, the mean is 0.18
    ([1, 1, 1, 1, 1], [1, 1, 1, 1, 0], [*4 * [0.06], -0.24]),  # four of five earn 0.3, the mean is 0.24
    # accuracy: mean 0.4, spread 0.5477, so 1.0954 and -0.7303; two of five earn 0.7, the mean is 0.28
    ([1, 1, 0, 0, 0], [1, 0, 1, 0, 0], [1.5154, 0.8154, -0.3103, -1.0103, -1.0103]),
])  # fmt: skip
def test_scarcity_apart_from_the_rest_keeps_its_height(accuracy, grounded, expected):
    pairs = zip(accuracy, grounded, strict=True)
    group = rollouts(*({"accuracy": float(a), "grounded": float(g), "objects": 1.0} for a, g in pairs))
    groups.scarcity(group, preset="apart")
    assert advantages([rollout.score for rollout in group], "grpo", False) == pytest.approx(expected, abs=2e-4)


MINE = """
def pay(group, *, amount, score_only=False):
    for rollout in group:
        rollout.pay("mine", amount)

class Counting:
    def __init__(self, by): self.by, self.count = by, 0
    def __call__(self, groups): self.count += self.by * len(groups)
    def state(self): return {"count": self.count}
    def resume(self, state): self.count = state["count"]

def spoil(group):
    group[0].score = float("nan")
"""


@pytest.fixture
def mine(tmp_path) -> str:
    (tmp_path / "mine.py").write_text(MINE)
    return f"{tmp_path}/mine.py"


def test_they_are_paid_in_the_order_of_the_recipe_with_its_arguments(mine):
    """Overlong takes 0.5 and the user's adds 3; then each is made relative, which leaves nothing of a constant."""
    written = {
        "overlong": {"longest": 100, "buffer": 20},
        "mine": {"path": f"{mine}:pay", "amount": 3.0},
        "length": None,
        "per_part": {"parts": {"mine": 1.0}},
    }
    as_list = [{"name": name, **given} for name, given in written.items() if given]
    for given in (written, as_list, OmegaConf.create({"a": written})["a"]):
        group = rollouts({"accuracy": 1.0}, {"accuracy": 0.0}, length=90)
        GroupRewards(given).pay([group])
        assert group[0].parts == {"accuracy": 1.0, "overlong": -0.5, "mine": 3.0, "per_part": 0.0}
        assert group[0].score == 0.0


def test_a_value_may_come_from_elsewhere_in_the_recipe():
    config = OmegaConf.create(
        {"data": {"longest": 10}, "to": {"overlong": {"longest": "${data.longest}", "buffer": 5}}}
    )
    group = rollouts({"accuracy": 1.0}, length=10)
    GroupRewards(config["to"]).pay([group])
    assert group[0].parts["overlong"] == -1.0


def test_faulty_rollouts_are_not_shown(mine):
    group = rollouts({"accuracy": 1.0}, {"accuracy": 0.0})
    group[1].unscored = True
    GroupRewards({"mine": {"path": f"{mine}:pay", "amount": 1.0}}).pay([group, group[1:]])
    assert "mine" in group[0].parts and "mine" not in group[1].parts


@pytest.mark.parametrize(("name", "given", "says"), [
    ("temporel", {}, "group_rewards.temporel: .*'temporel'"),
    ("mine", {"path": "nowhere.py:pay"}, "group_rewards.mine: .*nowhere.py"),
    ("mine", {"path": "pay"}, "write `path: path/to/file.py:function`"),
    ("temporal", {"bonos": 0.3}, "group_rewards.temporal: .*'bonos'; it takes .*bonus"),
    ("overlong", {}, "group_rewards.overlong: missing a required .*'longest'"),
    ("running_std", {"decoy": 1}, "group_rewards.running_std: .*'decoy'"),
])  # fmt: skip
def test_what_cannot_be_paid_is_said_at_the_start(name, given, says):
    with pytest.raises(UserError, match=says):
        GroupRewards({name: given})


Run = Callable[[], tuple[SimpleNamespace, GroupRewards]]


@pytest.fixture
def run(tmp_path, mine) -> Run:
    """A trainer with rewards that remember, in the same folder each time."""

    def start() -> tuple[SimpleNamespace, GroupRewards]:
        options = {"default_local_dir": str(tmp_path), "resume_mode": "auto", "resume_from_path": None}
        trainer = SimpleNamespace(
            config=OmegaConf.create({"trainer": options}), global_steps=0, tracker=tmp_path / "latest"
        )
        trainer._save_checkpoint = lambda: trainer.tracker.write_text(str(trainer.global_steps))
        rewards = GroupRewards(
            {"count": {"path": f"{mine}:Counting", "by": 1}, "running_std": {"by": "kind", "decay": 0.5}}
        )
        saved_with(trainer, rewards)
        return trainer, rewards

    return start


def step(trainer: SimpleNamespace, rewards: GroupRewards) -> list[float]:
    """One step of training, with rewards that depend on its number."""
    trainer.global_steps += 1
    group = rollouts({"accuracy": 1.0}, {"accuracy": 0.1 * trainer.global_steps}, kind="a")
    rewards.pay([group])
    return [rollout.score for rollout in group]


def test_a_run_that_goes_on_remembers_what_its_checkpoint_knew(run, tmp_path):
    trainer, rewards = run()
    resumed(trainer, rewards, 0)
    seen = [step(trainer, rewards), step(trainer, rewards)]
    trainer._save_checkpoint()
    seen += [step(trainer, rewards), step(trainer, rewards)]  # steps that a kill takes away

    trainer, rewards = run()
    trainer.global_steps = int(trainer.tracker.read_text())
    resumed(trainer, rewards, trainer.global_steps)
    assert [step(trainer, rewards), step(trainer, rewards)] == seen[2:]
    assert rewards.state()["count"] == {"count": 4}


def test_a_checkpoint_is_only_called_complete_with_its_state(run, tmp_path, monkeypatch):
    trainer, rewards = run()
    step(trainer, rewards)
    trainer._save_checkpoint()
    step(trainer, rewards)

    def killed(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("firsthand.files.write_bytes", killed)
        trainer._save_checkpoint()
    assert trainer.tracker.read_text() == "1", "the tracker still names the checkpoint before"


def test_a_checkpoint_that_knows_nothing_of_a_reward_is_an_error(run):
    trainer, rewards = run()
    with pytest.raises(UserError, match=r"global_step_3/group_rewards.json knows nothing of (count|running)"):
        resumed(trainer, rewards, 3)


def test_another_run_is_gone_on_with_by_its_path(run, tmp_path):
    trainer, rewards = run()
    step(trainer, rewards)
    trainer._save_checkpoint()
    (tmp_path / "global_step_1").rename(tmp_path / "elsewhere_global_step_1")
    trainer, rewards = run()
    trainer.config.trainer.resume_mode = "resume_path"
    trainer.config.trainer.resume_from_path = f"{tmp_path}/elsewhere_global_step_1"
    resumed(trainer, rewards, 1)
    assert rewards.state()["count"] == {"count": 1}
