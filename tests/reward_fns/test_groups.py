"""Group rewards by hand: each table was computed on paper from the definition, not with the code."""

import asyncio
import math
from pathlib import Path

import pytest
from firsthand.reward_fns import groups
from firsthand.reward_fns.groups_temporal import compute_score

from firsthand.errors import UserError
from firsthand.rollout.telemetry import Rollout, metrics_of

CHOICE = f"{Path(__file__).parents[2]}/reward_fns/choice.py:compute_score"


def group(*rollouts: dict, **facts) -> list[Rollout]:
    made = []
    for number, given in enumerate(rollouts):
        length, score = given.pop("length", 0), given.pop("score", None)
        orders = {order: "" for order in ("shuffled", "reversed") if f"accuracy_{order}" in given}
        score = given.get("accuracy", 0.0) if score is None else score
        made.append(Rollout(f"q_{number}_0", score, given, facts=facts, length=length, orders=orders))
    return made


def scores(rollouts: list[Rollout]) -> list[float]:
    return [rollout.score for rollout in rollouts]


def with_others(accuracies: list[float], shuffled: list[float]) -> list[Rollout]:
    counterparts = [{"accuracy_shuffled": value} for value in shuffled] + [{}] * (len(accuracies) - len(shuffled))
    return group(
        *({"accuracy": value, **counterpart} for value, counterpart in zip(accuracies, counterparts, strict=True))
    )


@pytest.mark.parametrize(("right", "shuffled", "held"), [
    ([1, 1, 1, 0, 0, 0, 0, 0], [1, 0, 0, 0], True),  # 0.375 >= 0.8 x 0.25
    ([1, 1, 1, 0, 0, 0, 0, 0], [1, 1, 0, 0], False),  # 0.375 < 0.8 x 0.5
    ([1, 1, 0, 0, 0], [1, 0], True),  # 0.4 >= 0.8 x 0.5, just so
    ([0, 0, 0, 0], [0, 0], True),  # nothing is right: held, and nobody to pay
])  # fmt: skip
def test_the_right_ones_are_paid_where_the_order_helped(right, shuffled, held):
    rollouts = with_others(right, shuffled)
    groups.temporal(rollouts)
    assert scores(rollouts) == pytest.approx([value + 0.3 * (held and value > 0.1) for value in right])
    assert {rollout.parts["temporal_held"] for rollout in rollouts} == {float(held)}


def test_a_question_without_a_counterpart_is_left_alone():
    rollouts = group({"accuracy": 1.0}, {"accuracy": 0.0})
    groups.temporal(rollouts)
    assert scores(rollouts) == [1.0, 0.0] and all("temporal" not in rollout.parts for rollout in rollouts)


@pytest.mark.parametrize(("lengths", "right", "paid"), [
    ([319, 320, 512, 513], [1, 1, 1, 1], [0, 0.2, 0.2, 0]),
    ([400, 400, 400, 400], [1, 0, 0, 0], [0, 0, 0, 0]),  # only one is right
    ([400, 400, 100, 400], [1, 1, 1, 0], [0.2, 0.2, 0, 0]),
    ([400, 400], [0.11, 0.1], [0, 0]),  # more than 0.1 is right
])  # fmt: skip
def test_the_length_bonus(lengths, right, paid):
    rollouts = group(*({"accuracy": a, "length": n} for a, n in zip(right, lengths, strict=True)))
    groups.length(rollouts)
    assert [rollout.parts["length_bonus"] for rollout in rollouts] == pytest.approx(paid)


@pytest.mark.parametrize("buffer", [20, 0.2])
def test_overlong_responses_cost(buffer):
    rollouts = group(*({"length": length} for length in (10, 80, 85, 90, 100)))
    groups.overlong(rollouts, longest=100, buffer=buffer, factor=0.5)
    assert scores(rollouts) == pytest.approx([0, 0, -0.125, -0.25, -0.5])


@pytest.mark.parametrize(("preset", "grounded", "objects", "expected"), [
    ("paper", [1, 0, 0, 0, 0], [1, 1, 1, 1, 1], [0.9, 0, 0, 0, 0]),  # 1.1 - 1/5
    ("paper", [1, 1, 1, 1, 1], [1, 5, 6, 7, 1], [0.1, 0.1, -0.4, -0.9, 0.1]),  # more than 5: 0.5 each
    ("released", [1, 0, 0, 0, 0], [8, 9, 12, 0, 1], [0.72, -0.025, -0.1, 0, 0]),  # 0.8 x 0.9; 0.025 each beyond 8
])  # fmt: skip
def test_scarcity(preset, grounded, objects, expected):
    rollouts = group(*({"grounded": g, "objects": n} for g, n in zip(grounded, objects, strict=True)))
    groups.scarcity(rollouts, preset=preset)
    assert scores(rollouts) == pytest.approx(expected)


def test_an_argument_changes_one_constant_of_a_preset_and_an_unknown_preset_is_told():
    rollouts = group({"grounded": 1.0, "objects": 1.0})
    groups.scarcity(rollouts, preset="released", height=2.0)
    assert scores(rollouts) == pytest.approx([0.8 * (2.0 - 1.0)])
    with pytest.raises(UserError, match="preset 'ours' is not one of paper, released"):
        groups.scarcity(rollouts, preset="ours")


def test_parts_are_made_relative_before_they_are_added():
    """Sums: 1, 1, 1, 0. Per part: (1.5, -0.5, -0.5, -0.5) and (-0.866, 0.866, 0.866, -0.866)."""
    parts = zip([1, 0, 0, 0], [0, 1, 1, 0], strict=True)
    rollouts = group(*({"accuracy": a, "format": f, "constant": 1.0} for a, f in parts))
    groups.per_part(rollouts, parts={"accuracy": 1.0, "format": 1.0, "constant": 5.0})
    assert scores(rollouts) == pytest.approx([0.6340, 0.3660, 0.3660, -1.3660], abs=1e-4)


def test_each_kind_is_divided_by_the_spread_that_it_has_had():
    """decay 0.5. Kind a, step 1: mean 0.5, mean square 0.5, spread 0.5. Step 2 adds (1, 1): both moments 5/6, spread
    sqrt(5/36). Kind b begins at step 2 with scores of a tenth: its spread is a tenth too."""
    running = groups.RunningStd(decay=0.5)
    first = group({"accuracy": 1.0}, {"accuracy": 0.0}, label="a")
    running([first])
    assert scores(first) == pytest.approx([2.0, 0.0], abs=1e-4)
    second, other = group({"score": 1.0}, {"score": 1.0}, label="a"), group({"score": 0.2}, {"score": 0.0}, label="b")
    running([second, other])
    assert scores(second) == pytest.approx([2.6833, 2.6833], abs=1e-4)
    assert scores(other) == pytest.approx([2.0, 0.0], abs=1e-4)


def test_a_kind_whose_scores_never_differ_stays_as_it_is_and_a_row_without_a_kind_is_named():
    flat = group({"accuracy": 1.0}, {"accuracy": 1.0}, label="a")
    groups.RunningStd()([flat])
    assert scores(flat) == [1.0, 1.0]
    with pytest.raises(UserError, match=r"row q7 has no extra_info\.label"):
        groups.RunningStd()([group({"accuracy": 1.0}, id="q7")])


def test_a_part_that_could_not_be_measured_leaves_the_others_alone():
    """A judge that failed says NaN: of three known accuracies one is right, and one of one counterpart."""
    rollouts = with_others([1, 0, math.nan, 0], [math.nan, 1])
    for rollout in rollouts:
        rollout.score = 0.0
    groups.temporal(rollouts)
    assert scores(rollouts) == [0.0] * 4 and rollouts[0].parts["temporal_held"] == 0.0, "1/3 < 0.8 x 1"
    assert "temporal" not in rollouts[2].parts
    found = metrics_of([rollouts])
    assert found["orders/all/gap_shuffled"] == pytest.approx(1 / 3 - 1)
    assert found["reward/accuracy"] == pytest.approx(1 / 3)
    lone = group({"accuracy": math.nan, "accuracy_shuffled": 1.0, "score": 0.5})
    for reward in (groups.temporal, groups.length):
        reward(lone)
    assert lone[0].score == 0.5 and "orders/all/ordered" not in metrics_of([lone])
    groups.per_part(lone, parts={"accuracy": 1.0})
    assert math.isnan(lone[0].score)


def test_a_part_that_the_reward_lacks_is_named():
    with pytest.raises(UserError, match="`scarcity`: the reward function has no part `grounded`; it has accuracy"):
        groups.scarcity(group({"accuracy": 1.0}))


def score(extra_info: dict, said: str = "<answer>B</answer>", of: str = CHOICE, **arguments) -> dict[str, float]:
    return asyncio.run(compute_score("toy", said, "B", {"letters": "ABCD", **extra_info}, of=of, **arguments))


def test_the_same_reward_scores_what_was_said_to_other_orders():
    orders = {"shuffled": "<answer>C</answer>", "reversed": "<answer>B</answer>"}
    said = "<think>so</think>\n<answer>B</answer>"
    parts = {"accuracy": 1.0, "format": 0.1}
    found = score({"orders": orders}, said, parts=parts)
    assert found == {
        "score": 1.1, "accuracy": 1.0, "format": 1.0, "unreadable": 0.0,
        "accuracy_shuffled": 0.0, "accuracy_reversed": 1.0,
    }  # fmt: skip
    assert score({"orders": {}}, parts=parts).keys() == score({}, parts=parts).keys() == found.keys() - {
        "accuracy_shuffled", "accuracy_reversed",
    }  # fmt: skip


@pytest.mark.parametrize("code", [
    "def pay(data_source, solution_str, ground_truth, extra_info): return len(solution_str) / 10",
    "async def pay(data_source, solution_str, **others): return {'score': len(solution_str) / 10}",
])  # fmt: skip
def test_any_reward_function_does(tmp_path, code):
    (tmp_path / "mine.py").write_text(code)
    found = score({"orders": {"shuffled": "four"}}, "seven.", of=f"{tmp_path}/mine.py:pay")
    assert found == {"score": 0.6, "accuracy": 0.6, "accuracy_shuffled": 0.4}


@pytest.mark.parametrize("of", ["nowhere.py:pay", "pay", f"{CHOICE}_"])
def test_a_reward_function_that_is_not_there_is_named(of):
    with pytest.raises(UserError, match=r"reward_kwargs\.of: "):
        score({}, of=of)


def test_the_gap_is_measured_by_kind_over_the_rollouts_that_have_a_counterpart():
    order = with_others([1, 1, 1, 0], [0, 1])
    for rollout in order:
        rollout.facts = {"label": "order"}
    scene = group({"accuracy": 1.0, "accuracy_shuffled": 1.0, "accuracy_reversed": 0.0}, label="scene")
    image = group({"accuracy": 0.0}, label="image")
    found = metrics_of([order, scene, image])
    assert found["reward/accuracy_shuffled"] == pytest.approx(2 / 3), "not halved by those that have no counterpart"
    assert found["orders/order/gap_shuffled"] == 0.25 and found["orders/order/shuffled"] == 0.5
    assert found["orders/scene/gap_shuffled"] == 0.0 and found["orders/scene/gap_reversed"] == 1.0
    assert found["orders/all/gap_shuffled"] == 0.125 and found["orders/all/ordered"] == 0.875
    assert not any(name.startswith("orders/image") for name in found)
