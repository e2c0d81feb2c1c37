"""Evidence measures against cases counted by hand, and the interval arithmetic under them against brute force."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from firsthand import clock
from firsthand.evals.agents.evidence import Evidence, evidence, looks, mean, targets, tiou
from firsthand.rollout.trace import Trace, Turn

few = settings(max_examples=50)

DAY1 = 86400.0
NOON = DAY1 + 43200


def span(start: float, end: float) -> tuple[float, float]:
    return NOON + start, NOON + end


MINUTE = span(0, 60)
TEN = span(0, 600)
HOUR = span(0, 3600)


@pytest.mark.parametrize(
    ("shown", "wanted", "expected"),
    [
        ([MINUTE], [MINUTE], 1.0),
        ([span(30, 90)], [MINUTE], 30 / 90),
        ([TEN], [MINUTE], 0.1),
        ([span(60, 120)], [MINUTE], 0.0),  # they touch in one moment
        ([span(0, 60), span(30, 90)], [span(0, 90)], 1.0),  # what is shown twice counts once
        ([span(0, 60)], [span(0, 60), span(120, 180)], 0.5),
        ([span(0, 60), span(120, 180)], [span(0, 60), span(120, 180)], 1.0),
        ([span(0, 240)], [span(0, 60), span(120, 180)], 0.5),
        ([span(100, 100)], [span(100, 100)], 1.0),  # moments stand for 30 seconds
        ([span(100, 100)], [span(110, 110)], 20 / 40),
        ([span(100, 100)], [span(130, 130)], 0.0),
        ([span(85, 115)], [span(100, 100)], 1.0),
        ([span(0, 600)], [span(300, 300)], 30 / 600),
    ],
)
def test_tiou_counted_by_hand(shown, wanted, expected) -> None:
    clips = [clock.widened(*one, clock.CLIP) for one in wanted]
    assert tiou(shown, clips) == pytest.approx(expected)


def test_hits_count_looks_in_order_and_a_whole_hour_is_none() -> None:
    target = [span(300, 310)]
    far = [span(5000, 5060)]
    found = evidence([far, [HOUR], [TEN], far], target)
    assert found.hit == {1: 0.0, 3: 1.0, 5: 1.0} and found.hit_any == 1.0 and found.recall == 1.0
    assert found.tiou == 0.0 and found.tiou_best == pytest.approx(30 / 600)
    assert evidence([[HOUR]], target).hit_any == 0.0


def test_a_hit_after_the_fifth_look_counts_in_hit_any_alone() -> None:
    far, target = [span(5000, 5060)], [span(0, 60)]
    found = evidence([far] * 5 + [[MINUTE]], target)
    assert found.hit == {1: 0.0, 3: 0.0, 5: 0.0} and found.hit_any == 1.0 and found.tiou == 1.0


def test_recall_is_the_share_of_several_targets() -> None:
    wanted = [span(0, 0), span(2000, 2000), span(9000, 9060), span(0, 0)]  # one of them named twice
    found = evidence([[span(0, 30)], [span(1990, 1995), span(20_000, 20_001)]], wanted)
    assert found.recall == pytest.approx(2 / 3) and found.hit[1] == 1.0


def test_a_frame_beside_the_target_hits_within_half_a_clip() -> None:
    assert evidence([[span(115, 115)]], [span(100, 100)]).hit[1] == 1.0
    assert evidence([[span(116, 116)]], [span(100, 100)]).hit[1] == 0.0


def test_who_never_looked_has_found_nothing() -> None:
    nothing = evidence([], [MINUTE])
    assert nothing == Evidence(tiou=0, tiou_best=0, hit={1: 0, 3: 0, 5: 0}, hit_any=0, recall=0)
    both = mean([nothing, evidence([[MINUTE]], [MINUTE])])
    assert both == Evidence(n=2, tiou=0.5, tiou_best=0.5, hit={1: 0.5, 3: 0.5, 5: 0.5}, hit_any=0.5, recall=0.5)
    assert mean([]) is None


def test_looks_are_calls_that_ended_well_and_showed_something() -> None:
    turns = [
        {"action": "call", "status": "ok", "spans": [[1.0, 2.0]]},
        {"action": "call", "status": "ok", "spans": []},
        {"action": "call", "status": "infra_error", "spans": [[3.0, 4.0]]},
        {"action": "invalid", "status": None, "spans": []},
        {"action": "answer", "status": None, "spans": []},
    ]
    trace = Trace(turns=[Turn(text="", **turn) for turn in turns])
    assert looks(trace) == [[(1.0, 2.0)]]


def test_targets_are_the_ranges_of_a_row() -> None:
    text = "DAY1_12000000-DAY1_12010000 DAY2_08000000-DAY2_08000000"
    assert targets(text) == [(NOON, NOON + 60), (2 * DAY1 + 28800, 2 * DAY1 + 28800)]
    assert targets(None) == targets("") == []


FRAMES = st.integers(0, 2000).map(lambda frame: DAY1 + frame / clock.FPS)
SPANS = st.lists(st.tuples(FRAMES, FRAMES).map(sorted).map(tuple), max_size=8)


@few
@given(SPANS)
def test_covered_counts_every_frame_once(spans) -> None:
    frames = {frame for start, end in spans for frame in range(round(start * clock.FPS), round(end * clock.FPS))}
    assert clock.covered(spans) == pytest.approx(len(frames) / clock.FPS)
    assert clock.covered(spans + spans[::-1]) == clock.covered(spans)


@few
@given(FRAMES, FRAMES, st.integers(0, 90))
def test_widened_spans_hold_the_span_and_are_long_enough(one, other, seconds) -> None:
    start, end = sorted((one, other))
    first, last = clock.widened(start, end, seconds)
    assert first <= start and end <= last
    assert last - first >= seconds - 2 / clock.FPS
    assert (first, last) == (start, end) or last - first <= seconds + 2 / clock.FPS


@few
@given(SPANS.filter(bool), SPANS.filter(bool))
@example([(86400.0, 86434.05)], [(86434.05, 86466.7)])
def test_tiou_is_a_share_symmetric_and_whole_only_for_equal_coverage(shown, wanted) -> None:
    clips = [clock.widened(*one, clock.CLIP) for one in wanted]
    value = tiou(shown, clips)
    assert 0 <= value <= 1
    assert value == pytest.approx(tiou(clips, [clock.widened(*one, clock.CLIP) for one in shown]))
    assert tiou(clips, clips) == 1.0


@few
@given(st.lists(SPANS.filter(bool), max_size=7), SPANS.filter(bool))
def test_more_looks_never_find_less(shown, wanted) -> None:
    found = evidence(shown, wanted)
    assert found.hit[1] <= found.hit[3] <= found.hit[5] <= found.hit_any <= 1
    assert (found.recall > 0) == (found.hit_any == 1) and found.tiou <= found.tiou_best
