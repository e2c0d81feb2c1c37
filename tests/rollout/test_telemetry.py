"""What a batch says about itself, and that a rollout whose tools failed teaches nothing."""

import pytest

from firsthand.rollout.telemetry import Rollout, metrics_of, settle_faults, warning_of
from firsthand.rollout.trace import Trace, Turn


def turn(action="call", status="ok", tool="rag", seconds=0.1):
    status = status if action == "call" else None
    return Turn(text="", action=action, status=status, tool=tool, tool_seconds=seconds)


FAULT = turn(status="infra_error")


def rollout(key, score, *turns, stop="answer"):
    return Rollout(key, score, {"accuracy": score}, Trace(turns=list(turns), stop=stop))


def test_a_faulty_rollout_is_worth_the_mean_of_the_sound_ones():
    group = [rollout("q_0_0", 1.0), rollout("q_1_0", 0.0), rollout("q_2_0", 0.0, FAULT, FAULT)]
    assert settle_faults(group) == group[2:], "and leaves its group"
    assert [r.score for r in group] == [1.0, 0.0, 0.5]


def test_a_lone_sound_rollout_is_not_left_alone():
    group = [rollout("q_0_0", 1.0), rollout("q_1_0", 0.0, FAULT)]
    assert settle_faults(group) == [] and [r.score for r in group] == [1.0, 1.0]


def test_a_group_without_a_sound_rollout_is_worth_nothing_at_all():
    group = [rollout("q_0_0", 1.0, FAULT), rollout("q_1_0", 0.0, FAULT)]
    assert settle_faults(group) == [] and [r.score for r in group] == [0.0, 0.0]


def test_metrics_of_tools_turns_and_groups():
    groups = [
        [
            rollout("a_0_0", 1.0, turn(seconds=1.0), turn("answer")),
            rollout("a_1_0", 0.0, turn(status="timeout"), stop="length"),
        ],
        [rollout("b_0_0", 0.0, turn("invalid"), turn("answer")), rollout("b_1_0", 0.0, turn("answer"))],
    ]
    found = metrics_of(groups)
    assert found["reward/accuracy"] == pytest.approx(1 / 3), "the faulty one is left out"
    assert found["groups/zero_variance"] == 1.0, "in the first group one sound rollout is left, which teaches nothing"
    assert found["tools/calls"] == 0.5
    assert found["tools/ok"] == 0.5 and found["tools/timeout"] == 0.5
    assert found["tools/rag/seconds_p50"] == pytest.approx(0.55)  # a call that timed out was slow, too
    assert found["tools/faulty_rollouts"] == 0.25
    assert found["turns/stop_length"] == 0.25 and found["turns/stop_answer"] == 0.75
    stops = {name for name in found if name.startswith("turns/stop_")}
    assert stops == {f"turns/stop_{stop}" for stop in ("answer", "no_answer", "invalid", "length", "error")}
    outcomes = ("ok", "user_error", "blocked_by_time", "timeout", "infra_error")
    assert [found[f"tools/{outcome}"] for outcome in outcomes] == [0.5, 0.0, 0.0, 0.5, 0.0]
    assert found["turns/invalid"] == 0.25 and found["turns/mean"] == pytest.approx(1.5)


def test_every_step_has_the_same_names_of_stops_and_outcomes():
    quiet = metrics_of([[rollout("a_0_0", 1.0, turn("answer")), rollout("a_1_0", 0.0, turn("answer"))]])
    assert quiet["tools/ok"] == quiet["tools/calls"] == 0.0 and quiet["turns/stop_invalid"] == 0.0


def test_names_that_a_model_invents_are_one():
    turns = [turn(status="user_error", tool=f"invented_{n}").model_copy(update={"invented": True}) for n in range(3)]
    found = metrics_of([[rollout("a_0_0", 1.0, turn(), *turns), rollout("a_1_0", 0.0)]])
    assert {name.split("/")[1] for name in found if name.endswith("/calls")} == {"calls", "rag", "unknown"}
    assert found["tools/unknown/calls"] == 1.5 and found["tools/user_error"] == 0.75


def test_a_question_that_was_tried_once_is_no_group():
    alone, flat = [rollout("a_0_0", 1.0)], [rollout("b_0_0", 1.0), rollout("b_1_0", 1.0)]
    assert "groups/zero_variance" not in metrics_of([alone])
    assert metrics_of([alone, flat])["groups/zero_variance"] == 1.0
    mixed = [*flat, rollout("b_2_0", 0.0), rollout("b_3_0", 0.0, FAULT)]
    assert metrics_of([alone, mixed])["groups/zero_variance"] == 0.0


def test_where_no_rollout_is_sound_no_reward_is_told():
    found = metrics_of([[rollout("a_0_0", 0.0, FAULT), rollout("a_1_0", 0.0, FAULT)]])
    assert not any(name.startswith("reward/") for name in found) and found["tools/faulty_rollouts"] == 1.0


def test_rollouts_without_tools_have_no_metrics_of_tools():
    found = metrics_of([[Rollout("a_0_0", 1.0, {"accuracy": 1.0}), Rollout("a_1_0", 0.0, {"accuracy": 0.0})]])
    assert found == {"reward/accuracy": 0.5, "groups/zero_variance": 0.0}


def test_a_warning_names_the_fault_that_costs_more_than_a_fifth_of_the_rollouts():
    sound, late = [rollout(f"a_{n}_0", 1.0) for n in range(8)], turn(status="timeout", tool="vlm")
    faulty = [rollout("b_0_0", 0.0, late), rollout("b_1_0", 0.0, FAULT), rollout("b_2_0", 0.0, late)]
    assert warning_of([*sound, *faulty[:2]]) is None
    assert "3 of 11 rollouts teach nothing; most often: vlm ended in timeout" in (warning_of([*sound, *faulty]) or "")
