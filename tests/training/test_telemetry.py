"""What a batch says about itself, and that a rollout whose tools failed teaches nothing."""

import pytest

from firsthand.training.telemetry import Rollout, metrics_of, settle_faults


def turn(action="call", status="ok", tool="rag", seconds=0.1):
    return {"action": action, "status": status if action == "call" else None, "tool": tool, "tool_seconds": seconds}


def rollout(key, score, *turns, faults=0, stop="answer"):
    return Rollout(key, score, {"accuracy": score}, {"turns": list(turns), "faults": faults, "stop": stop})


def test_a_faulty_rollout_is_worth_the_mean_of_the_sound_ones():
    group = [rollout("q_0_0", 1.0), rollout("q_1_0", 0.0), rollout("q_2_0", 0.0, faults=2)]
    settle_faults(group)
    assert [r.score for r in group] == [1.0, 0.0, 0.5]


def test_a_group_without_a_sound_rollout_is_worth_nothing_at_all():
    group = [rollout("q_0_0", 1.0, faults=1), rollout("q_1_0", 0.0, faults=1)]
    settle_faults(group)
    assert [r.score for r in group] == [0.0, 0.0]


def test_metrics_of_tools_turns_and_groups():
    groups = [
        [
            rollout("a_0_0", 1.0, turn(seconds=1.0), turn("answer")),
            rollout("a_1_0", 0.0, turn(status="timeout"), faults=1, stop="length"),
        ],
        [rollout("b_0_0", 0.0, turn("invalid"), turn("answer")), rollout("b_1_0", 0.0, turn("answer"))],
    ]
    found = metrics_of(groups)
    assert found["reward/accuracy"] == 0.25
    assert found["groups/zero_variance"] == 0.5
    assert found["tools/calls"] == 0.5
    assert found["tools/ok"] == 0.5 and found["tools/timeout"] == 0.5
    assert found["tools/rag/seconds_p50"] == pytest.approx(0.55)  # a call that timed out was slow, too
    assert found["tools/faulty_rollouts"] == 0.25
    assert found["turns/stop_length"] == 0.25 and found["turns/stop_answer"] == 0.75
    assert found["turns/invalid"] == 0.25 and found["turns/mean"] == pytest.approx(1.5)


def test_rollouts_without_tools_have_no_metrics_of_tools():
    found = metrics_of([[Rollout("a_0_0", 1.0, {"accuracy": 1.0}), Rollout("a_1_0", 0.0, {"accuracy": 0.0})]])
    assert found == {"reward/accuracy": 0.5, "groups/zero_variance": 0.0}
