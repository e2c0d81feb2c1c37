"""When and where: overlaps reckoned by hand."""

import pytest
from firsthand.reward_fns import grounding
from firsthand.reward_fns.parts import Sample


def answered(text: str, gold: str) -> Sample:
    return Sample(f"<think>x</think><answer>{text}</answer>", gold)


@pytest.mark.parametrize(("said", "gold", "paid"), [
    ("10-20", "10.00-20.00", 1),
    ("15-25", "10-20", 5 / 15),
    ("[12.5, 18.0]", "10-20", 0.55),
    ("12.5s to 18 s", "10-20", 0.55),
    ("0:10 - 0:20", "10-20", 1),
    ("1:00:10 – 1:00:20", "3610-3620", 1),
    ("DAY1_11210000-DAY1_11211000", "DAY1_11210500-DAY1_11211500", 5 / 15),
    ("30-40", "10-20", 0),
    ("20-10", "10-20", 0),  # it ends before it begins
    ("10", "10-20", 0),
    ("10-20 and 30-40", "10-20", 0),
    ("12-12", "12-12", 1),  # a moment
    ("12-12", "10-20", 0),
    ("-10-20", "10-20", 0),
    ("1e9-2e9", "10-20", 0),
    ("", "10-20", 0),
])  # fmt: skip
def test_a_span_of_time(said: str, gold: str, paid: float) -> None:
    assert grounding.temporal_iou(answered(said, gold)) == pytest.approx(paid)


@pytest.mark.parametrize(("said", "paid"), [  # the gold box is [0, 0, 10, 10]
    ("[0, 0, 10, 10]", 1),
    ("(5, 0, 15, 10)", 50 / 150),
    ('{"bbox_2d": [0, 0, 5, 10], "label": "cup"}', 0.5),
    ('[{"bbox_2d": [0, 0, 5, 10]}]', 0.5),
    ("[20, 20, 30, 30]", 0),
    ("[10, 10, 0, 0]", 0),  # no area
    ("[0, 0, 10]", 0),
    ("[0, 0, 10, 10], [1, 1, 2, 2]", 0),
    ("[0, 0, NaN, 10]", 0),
    ("[0, 0, 1e400, 10]", 0),
    ("[true, 0, 10, 10]", 0),
    ("[" * 150, 0),
    ("0, 0, 10, 10", 0),
])  # fmt: skip
def test_a_box(said: str, paid: float) -> None:
    assert grounding.box_iou(answered(said, "[0, 0, 10, 10]")) == pytest.approx(paid)


@pytest.mark.parametrize(("said", "paid"), [
    ("[5, 5]", 1), ("(0, 10)", 1), ('{"point_2d": [5, 5]}', 1), ("[11, 5]", 0), ("[5, 5, 6, 6]", 0), ("here", 0),
])  # fmt: skip
def test_a_point(said: str, paid: float) -> None:
    assert grounding.point_in_box(answered(said, "[0, 0, 10, 10]")) == paid
