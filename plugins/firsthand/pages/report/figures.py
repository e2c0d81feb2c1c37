"""The geometry of one small chart per series, in the units of its SVG view box.

The drawing is made here and not in the browser, so that a page prints and shows its curves without any script. The
script only shows single values. Shares (everything within [0, 1], and not all of it tiny, as a learning rate is) get
the axis 0 to 1, so that charts beside each other can be compared and a small wobble does not look like progress.
"""

from collections.abc import Callable, Mapping
from math import ceil, floor, log10
from types import MappingProxyType

from pydantic import BaseModel

from firsthand.html.render import number

WIDTH, HEIGHT = 340, 180
LEFT, RIGHT, TOP, BOTTOM = 40, 12, 12, 24
SMOOTH_FROM = 20  # shorter curves are shown as they are

Point = tuple[float, float]


class Tick(BaseModel):
    at: float
    text: str


class Chart(BaseModel):
    name: str
    raw: str  # the path of the values themselves
    smooth: str  # the path of their moving mean; empty where they are too few
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    points: list[tuple[float, str, float, float]]  # step, value in words, and where that is in the view box
    chance: Tick | None  # where the line of chance is drawn


def draw(series: dict[str, list[Point]], chance: Mapping[str, float] = MappingProxyType({})) -> list[Chart]:
    """One chart per series, all over the same steps, so that they can be compared one above the other."""
    steps = [step for points in series.values() for step, _ in points]
    return [_chart(name, sorted(points), min(steps), max(steps), chance.get(name)) for name, points in series.items()]


def _chart(name: str, points: list[Point], first: float, last: float, chance: float | None) -> Chart:
    steps, values = [step for step, _ in points], [value for _, value in points]
    drawn = values if chance is None else [*values, chance]
    low, high = min(drawn), max(drawn)
    ticks = [0.0, 0.25, 0.5, 0.75, 1.0] if low >= 0 and 0.05 <= high <= 1 else nice_ticks(low, high)
    x = _scale(first, last, LEFT, WIDTH - RIGHT)
    y = _scale(ticks[0], ticks[-1], HEIGHT - BOTTOM, TOP)
    window = len(points) // 12 * 2 + 1
    return Chart(
        name=name,
        raw=_path([(x(step), y(value)) for step, value in points]),
        smooth=_path([(x(step), y(mean)) for step, mean in zip(steps, moving_mean(values, window), strict=True)])
        if len(points) >= SMOOTH_FROM
        else "",
        x_ticks=[Tick(at=x(step), text=number(step)) for step in dict.fromkeys([first, last])],
        y_ticks=[Tick(at=y(tick), text=brief(tick)) for tick in ticks],
        points=[(step, number(value), x(step), y(value)) for step, value in points],
        chance=None if chance is None else Tick(at=y(chance), text=f"chance {number(chance)}"),
    )


def nice_ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Round numbers, about `count` steps of 1, 2 or 5 times a power of ten, that enclose low and high."""
    size = max(abs(low), abs(high))
    span = high - low
    if span <= 1e-9 * size or size < 1e-100:  # as good as one value
        span = size if size > 1e-100 else 1.0
    power = 10.0 ** floor(log10(span / count))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= span / count * (1 - 1e-9))
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [i * step for i in range(first, max(last, first + 1) + 1)]


def moving_mean(values: list[float], window: int) -> list[float]:
    """The mean of up to `window` values around each one, equally many on both sides, so that it narrows at the ends."""
    means = []
    for i in range(len(values)):
        half = min(window // 2, i, len(values) - 1 - i)
        means.append(sum(values[i - half : i + half + 1]) / (2 * half + 1))
    return means


def brief(value: float) -> str:
    """A number that fits beside an axis."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= max(unit, 1e4):
            return f"{value / unit:.4g}{letter}"
    return number(value)


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    span = (high - low) or 1.0
    return lambda value: round(start + (value - low) / span * (end - start), 2)


def _path(points: list[Point]) -> str:
    return "M" + "L".join(f"{x:g},{y:g}" for x, y in points)
