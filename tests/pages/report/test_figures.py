"""The geometry of the charts."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firsthand.html.render import number
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
)

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
