"""Every spelling of a moment comes back as the same moment, and arithmetic stays exact."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firsthand import clock
from firsthand.errors import UserError

FRAME = 1 / clock.FPS
busy = settings(deadline=None)  # time says nothing on a busy machine
moments = st.integers(clock.DAY * clock.FPS, 8 * clock.DAY * clock.FPS - 1).map(lambda frames: frames / clock.FPS)


def test_known_stamps():
    assert clock.parse("DAY1_11210217") == 86400 + 11 * 3600 + 21 * 60 + 2 + 17 / 20
    assert clock.stamp(clock.parse("day2_093000")) == "DAY2_09300000"
    assert clock.at(1, 9300000) == clock.at("DAY1", "09300000") == clock.at("1", "9300000")
    assert clock.at(3, 5) == clock.parse("DAY3_00000005")


@busy
@given(moments)
def test_every_spelling_comes_back(moment):
    assert clock.parse(clock.stamp(moment)) == moment
    assert clock.from_question(clock.to_question(moment)) == moment
    assert clock.at(clock.day(moment), int(clock.time(moment))) == moment


@busy
@given(moments, st.integers(0, 3 * clock.DAY * clock.FPS))
def test_arithmetic_is_exact(moment, frames):
    later = clock.of_frame(moment, frames)
    assert clock.frame_at(moment, later) == frames
    assert clock.plus(moment, clock.seconds_between(moment, later)) == later
    assert clock.plus(clock.plus(later, 0.1), -0.1) == later
    assert clock.parse_range(clock.format_range(moment, later)) == (moment, later)


@busy
@given(moments, moments)
def test_stamps_sort_as_moments(one, other):
    def key(moment):
        return clock.day(moment), int(clock.time(moment))

    assert (one < other) == (key(one) < key(other))


@busy
@given(moments, st.sampled_from(list(clock.LEVELS)))
def test_a_window_holds_its_moment(moment, level):
    start = clock.window(moment, level)
    assert start <= moment < clock.plus(start, clock.LEVELS[level])
    assert clock.day(start) == clock.day(moment)
    assert clock.window(start, level) == start


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("DAY1_11210217-DAY1_11220217", "DAY1_11220217"),
        ("DAY1_11210217-11220217", "DAY1_11220217"),
        ("DAY1_23595000-00001000", "DAY2_00001000"),
        ("DAY1_23595000-DAY2_00001000", "DAY2_00001000"),
    ],
)
def test_ranges(text, end):
    assert clock.parse_range(text) == (clock.parse(text[:13]), clock.parse(end))


@pytest.mark.parametrize(
    "text",
    ["", "DAY1", "11210217", "DAY0_11210217", "DAYx_11210217", "DAY1_1121021", "DAY1_24000000", "DAY1_11210220"],
)
def test_what_is_no_time_is_an_error_that_says_so(text):
    with pytest.raises(UserError, match="time"):
        clock.parse(text)


@pytest.mark.parametrize("text", ["DAY1_11210217", "DAY2_11210217-DAY1_11220217", "DAY1_1-2"])
def test_what_is_no_range_is_an_error(text):
    with pytest.raises(UserError):
        clock.parse_range(text)


@busy
@given(moments, st.integers(1, clock.HOUR))
def test_records_lie_within_a_day(start, seconds):
    end = clock.plus(start, seconds)
    if clock.day(clock.plus(end, -FRAME)) == clock.day(start):
        record = clock.to_record(start, end)
        read_start, read_end = clock.from_record(record)
        assert read_start == start
        assert clock.seconds_between(read_end, end) in (0, FRAME)
        assert (read_end == end) == (clock.day(end) == clock.day(start))
    else:
        with pytest.raises(UserError, match="within one day"):
            clock.to_record(start, end)
