"""Curves from veRL's metrics file and from the trace of scored samples."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firsthand.errors import UserError
from firsthand.pages.report.curves import read_reward_trace, read_verl_metrics
from firsthand.pages.report.figures import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    brief,
    draw,
    moving_mean,
    nice_ticks,
    number,
)


def lines(path: Path, *rows: object) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


@pytest.mark.e2e
def test_what_the_installed_verl_writes_is_read(tmp_path, monkeypatch) -> None:
    pytest.importorskip("verl")
    import numpy as np
    from verl.utils.tracking import Tracking

    monkeypatch.setenv("VERL_FILE_LOGGER_PATH", str(tmp_path / "metrics.jsonl"))
    tracking = Tracking("project", "experiment", default_backend=["console", "file"])
    tracking.log({"critic/score/mean": np.float32(0.25), "actor/lr": 1e-6, "perf/nan": float("nan")}, step=1)
    tracking.log({"critic/score/mean": np.float64(0.5)}, step=2)
    tracking.finish()
    curves = read_verl_metrics(tmp_path / "metrics.jsonl")
    assert curves == {"critic/score/mean": [(1, 0.25), (2, 0.5)], "actor/lr": [(1, 1e-6)]}
    assert curves.skipped == []


def test_torn_lines_are_skipped_and_reported(tmp_path) -> None:
    path = lines(tmp_path / "m.jsonl", {"step": 1, "data": {"a": 1}}, '{"step": 2, "da', {"step": 3, "data": {"a": 3}})
    with path.open("ab") as handle:
        handle.write(b'{"step": 4, "data": {"a": \xff')
    curves = read_verl_metrics(path)
    assert curves == {"a": [(1, 1), (3, 3)]}
    assert curves.skipped == [f"{path}:2: torn line", f"{path}:4: torn line"]


def test_a_folder_joins_the_starts_of_a_resumed_run(tmp_path) -> None:
    lines(tmp_path / "1.jsonl", {"step": 1, "data": {"a": 1}}, {"step": 2, "data": {"a": 2}})
    lines(tmp_path / "2.jsonl", {"step": 2, "data": {"a": 20}}, {"step": 3, "data": {"a": 30}})
    assert read_verl_metrics(tmp_path) == {"a": [(1, 1), (2, 20), (3, 30)]}


def test_other_values_than_numbers_are_no_curve(tmp_path) -> None:
    path = lines(
        tmp_path / "m.jsonl", {"step": 0, "data": {"a": 1, "text": "x", "list": [1], "none": None, "on": True}}
    )
    assert read_verl_metrics(path) == {"a": [(0, 1)], "on": [(0, 1)]}


@pytest.mark.parametrize("row", [{"step": 1}, {"data": {}}, {"step": "1", "data": {}}, {"uid": "u", "score": 1}])
def test_another_kind_of_file_is_an_error(tmp_path, row) -> None:
    with pytest.raises(UserError, match=r"m\.jsonl:1: not a line of veRL's file logger"):
        read_verl_metrics(lines(tmp_path / "m.jsonl", row))


def test_missing_files_are_an_error(tmp_path) -> None:
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(UserError, match="no such file"):
            read_verl_metrics(path)


def test_the_reward_trace_is_averaged_by_step(tmp_path) -> None:
    path = lines(
        tmp_path / "t.jsonl",
        {"step": 2, "uid": "b", "score": 1.0, "accuracy": 1, "grounding": None},
        {"step": 1, "uid": "a", "score": 0.0, "accuracy": 0, "grounding": 0.5},
        {"step": 1, "uid": "a", "score": 0.5, "accuracy": 1, "grounding": None},
        {"step": None, "uid": "v", "score": 9.0},
        '{"step": 1, "sco',
    )
    curves = read_reward_trace(path)
    assert curves == {"accuracy": [(1, 0.5), (2, 1.0)], "grounding": [(1, 0.5)], "score": [(1, 0.25), (2, 1.0)]}
    assert curves.skipped == [f"{path}:4: no step", f"{path}:5: torn line"]


values = st.floats(-1e6, 1e6, allow_nan=False)


@given(st.dictionaries(st.integers(0, 500), values, min_size=1, max_size=80))
def test_every_point_lies_inside_the_axes(curve: dict[int, float]) -> None:
    [chart] = draw({"a": list(curve.items())})
    assert [step for step, *_ in chart.points] == sorted(curve)
    for _, _, x, y in chart.points:
        assert LEFT <= x <= WIDTH - RIGHT and TOP - 0.1 <= y <= HEIGHT - BOTTOM + 0.1
    assert chart.raw.count("L") == len(curve) - 1
    assert bool(chart.smooth) == (len(curve) >= 20)


@given(values, values)
@example(0.0, 5e-324)
@example(1e6, 1e6 + 1e-9)
@example(1e-6, 1e-6)
def test_ticks_enclose_the_values_and_are_few(a: float, b: float) -> None:
    low, high = sorted((a, b))
    ticks = nice_ticks(low, high)
    slack = 1e-6 * (ticks[-1] - ticks[0])
    assert ticks[0] <= low + slack and high - slack <= ticks[-1]
    assert 2 <= len(ticks) <= 7 and ticks == sorted(set(ticks))


def test_shares_share_one_axis_and_all_charts_their_steps() -> None:
    short, long = draw({"short": [(5, 0.5)], "long": [(1, 80.0), (11, 120.0)]})
    assert [tick.text for tick in short.y_ticks] == ["0", "0.25", "0.5", "0.75", "1"]
    assert [tick.text for tick in short.x_ticks] == [tick.text for tick in long.x_ticks] == ["1", "11"]
    [rate] = draw({"rate": [(1, 1e-6), (2, 2e-6)]})
    assert (rate.y_ticks[0].text, rate.y_ticks[-1].text) == ("1e-06", "2e-06")
    assert short.points[0][2] == pytest.approx(LEFT + (WIDTH - LEFT - RIGHT) * 0.4)


@given(st.lists(values, min_size=1, max_size=60), st.integers(0, 5))
def test_the_moving_mean_keeps_the_ends_and_stays_within_its_values(curve: list[float], half: int) -> None:
    means = moving_mean(curve, 2 * half + 1)
    assert (means[0], means[-1]) == (curve[0], curve[-1])
    assert all(min(curve) - 1e-3 <= mean <= max(curve) + 1e-3 for mean in means)


@pytest.mark.parametrize(("value", "text"), [(0.123456, "0.1235"), (1.0, "1"), (12345.6, "12,346"), (-0.5, "-0.5")])
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(9000.0, "9000"), (10_000.0, "10k"), (-250_000.0, "-250k"), (1.5e6, "1.5M"), (2e10, "20G"), (0.25, "0.25")],
)
def test_axis_numbers_are_brief(value: float, text: str) -> None:
    assert brief(value) == text
