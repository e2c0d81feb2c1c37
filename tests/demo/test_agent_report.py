"""The curves of the agent's demo, from what veRL logs and from the traces of the training."""

from pathlib import Path

import pytest

from firsthand import files
from firsthand.demo.agent_report import HELD_OUT, SHOWN, VALIDATION, curves, held_out
from firsthand.errors import UserError


def test_a_resumed_run_has_one_curve(tmp_path: Path) -> None:
    """The second file begins at the step of the last checkpoint; of a step that both log the later one counts."""
    for name, points in (("run.jsonl", {0: 0.25, 2: 0.3, 4: 0.5}), ("run_2.jsonl", {4: 0.6, 6: 0.7})):
        rows = [{"step": step, "data": {VALIDATION: value, "lr": 1.0}} for step, value in points.items()]
        files.write_jsonl(tmp_path / "firsthand" / name, [*rows, {"step": 5, "data": {"lr": 1.0}}])
    assert held_out(tmp_path) == {HELD_OUT: [(0, 0.25), (2, 0.3), (4, 0.6), (6, 0.7)]}


def test_a_run_without_validation_is_an_error(tmp_path: Path) -> None:
    files.write_jsonl(tmp_path / "run.jsonl", [{"step": 1, "data": {"lr": 1.0}}])
    with pytest.raises(UserError, match="test_freq"):
        held_out(tmp_path)


def test_a_curve_is_the_mean_of_a_part_at_each_step(tmp_path: Path) -> None:
    for step in (2, 10):
        parts = [dict.fromkeys(SHOWN, value * step) for value in (0.0, 1.0)]
        files.write_jsonl(tmp_path / f"{step:06d}.jsonl", [{"score": step, "parts": part} for part in parts])
    assert curves(tmp_path) == {
        name: [(2, 2.0), (10, 10.0)] if name == "score" else [(2, 1.0), (10, 5.0)] for name in SHOWN
    }


def test_a_training_without_traces_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="GroupReplayBuffer"):
        curves(tmp_path)
