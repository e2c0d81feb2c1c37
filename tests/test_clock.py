"""Every spelling of a moment comes back as the same moment, and arithmetic stays exact."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firsthand import clock
from firsthand.errors import UserError

FRAME = 1 / clock.FPS
moments = st.integers(clock.DAY * clock.FPS, 8 * clock.DAY * clock.FPS - 1).map(lambda frames: frames / clock.FPS)


def test_known_stamps():
    assert clock.parse("DAY1_11210217") == 86400 + 11 * 3600 + 21 * 60 + 2 + 17 / 20
    assert clock.stamp(clock.parse("day2_093000")) == "DAY2_09300000"
    assert clock.at(1, 9300000) == clock.at("DAY1", "09300000") == clock.at("1", "9300000")
    assert clock.at(3, 5) == clock.parse("DAY3_00000005")


@given(moments)
def test_every_spelling_comes_back(moment):
    assert clock.parse(clock.stamp(moment)) == moment
    assert clock.from_question(clock.to_question(moment)) == moment
    assert clock.at(clock.day(moment), int(clock.time(moment))) == moment


@given(moments, st.integers(0, 3 * clock.DAY * clock.FPS))
def test_arithmetic_is_exact(moment, frames):
    later = clock.of_frame(moment, frames)
    assert clock.frame_at(moment, later) == frames
    assert clock.plus(moment, clock.seconds_between(moment, later)) == later
    assert clock.plus(clock.plus(later, 0.1), -0.1) == later
    assert clock.parse_range(clock.format_range(moment, later)) == (moment, later)


@given(moments, moments)
def test_stamps_sort_as_moments(one, other):
    def key(moment):
        return clock.day(moment), int(clock.time(moment))

    assert (one < other) == (key(one) < key(other))


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
    [
        "",
        "DAY1",
        f"DAY{'9' * 5000}_11210217",
        "DAY99999_11210217",
        "DAY١_11210217",
        "11210217",
        "DAY0_11210217",
        "DAYx_11210217",
        "DAY1_1121021",
        "DAY1_24000000",
        "DAY1_11210220",
    ],
)
def test_what_is_no_time_is_an_error_that_says_so(text):
    with pytest.raises(UserError, match="time"):
        clock.parse(text)


@pytest.mark.parametrize("text", ["DAY1_11210217", "DAY2_11210217-DAY1_11220217", "DAY1_1-2"])
def test_what_is_no_range_is_an_error(text):
    with pytest.raises(UserError):
        clock.parse_range(text)


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


A, B = clock.parse("DAY1_11115300"), clock.parse("DAY1_11181201")


@pytest.mark.parametrize(
    ("value", "spans"),
    [
        ({"date": "DAY1", "time": "11181201"}, [(B, B)]),
        ({"date": "day1", "time": "111812"}, [(clock.plus(B, -FRAME),) * 2]),
        ({"date": 1, "time": 11181201}, [(B, B)]),
        ({"date": "1", "time": 9300000}, [(clock.parse("DAY1_09300000"),) * 2]),
        ({"date": "DAY1", "time": "9300000"}, [(clock.parse("DAY1_09300000"),) * 2]),
        ({"date": "DAY1", "time": "11181229"}, [(clock.plus(B, -FRAME),) * 2]),
        ({"date": "DAY1", "time": "111153417DAY1_11181201"}, [(A, A), (B, B)]),
        ({"date": "DAY1", "time": "1111530011181201"}, [(A, A), (B, B)]),
        ({"date": "DAY1", "time": "11115300-11181201"}, [(A, B)]),
        ({"date": "DAY1", "time": "11181201 - 11115300"}, [(A, B)]),
        ({"date": "DAY1", "time": "11115300-DAY2_11181201"}, [(A, clock.plus(B, clock.DAY))]),
        ({"date": "DAY1", "time_list": ["11115300", "11115300-11181201"]}, [(A, A), (A, B)]),
        ({"date": "DAY2", "time": "11181201", "more": ["DAY1_11115300"]}, [(clock.plus(B, clock.DAY),) * 2, (A, A)]),
        ([{"date": "DAY1", "time": "11115300"}, {"date": "DAY1", "time": "11181201"}], [(A, A), (B, B)]),
        ("DAY1_11115300-DAY1_11181201", [(A, B)]),
        ("day1_11115300-11181201", [(A, B)]),
        ("DAY1_11115300, DAY1_11181201", [(A, A), (B, B)]),
        ("DAY1_11115300、day1_11115300～11181201；", [(A, A), (A, B)]),
    ],
)
def test_annotations_as_people_write_them(value, spans):
    assert clock.target_spans(value) == spans
    assert clock.query_time(value) == spans[0][1]


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        [],
        {},
        {"date": "DAY1"},
        {"time": "11181201"},
        "11181201",
        {"date": "DAY1", "time": ""},
        {"date": "DAY1", "time": None},
        {"date": "DAY1", "time": "N/A"},
        {"date": "DAY1", "time": "11:18:12"},
        {"date": "DAY1", "time": "1118"},
        {"date": "DAY1", "time": "25181201"},
        {"date": "DAY1", "time": "11615300-11181201"},
        {"date": "DAY1", "time": "11115300-11181201-11191201"},
        {"date": "DAY1", "time": "1111530011171201-11181201"},
        {"date": "DAY1", "time": -11181201},
        {"date": "DAY1", "time": True},
        {"date": "DAY1", "time": math.nan},
        {"date": ["DAY1", "DAY2"], "time": "11181201"},
    ],
)
def test_no_annotation_is_guessed(value):
    with pytest.raises(UserError, match="time") as error:
        clock.target_spans(value)
    assert str(value)[:200] in str(error.value)


@given(st.lists(st.tuples(moments, moments), min_size=1, max_size=5), st.sampled_from([",", " ", ";", "、", ""]))
def test_written_spans_come_back(ends, separator):
    spans = [(min(pair), max(pair)) for pair in ends]
    written = [clock.format_range(*pair) for pair in ends]
    assert clock.target_spans(separator.join(written)) == spans
    assert clock.target_spans({"date": "DAY9", "time_list": written}) == spans
    assert clock.query_time(written) == spans[0][1]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text("0123456789DAYday_-,~ x", max_size=30),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["date", "time", "x"]), inner),
    )
)
def test_an_annotation_is_read_or_refused(value):
    try:
        spans = clock.target_spans(value)
    except UserError:
        return
    for start, end in spans:
        assert start <= end and clock.parse(clock.stamp(start)) == start


def test_what_the_levels_of_a_search_look_at():
    late, asked = clock.parse("DAY2_23300000"), clock.parse("DAY3_00150000")
    assert clock.search_window("week", late, asked) == (clock.midnight(1), asked)
    assert clock.search_window("week", None, None) == (clock.midnight(1), math.inf)
    assert clock.search_window("day", late, asked) == (clock.midnight(2), clock.midnight(3))
    assert clock.search_window("day", None, asked) == (clock.midnight(3), asked)
    assert clock.search_window("hour", late, asked) == (late, asked)
    assert clock.search_window("hour", late, None) == (late, clock.parse("DAY3_00300000"))
    assert clock.search_window("hour", clock.parse("DAY1_00550000"), asked)[1] == clock.parse("DAY1_01550000")


@pytest.mark.parametrize(("level", "query"), [("month", 0.0), ("hour", 0.0), ("day", None)])
def test_a_search_that_names_too_little_is_refused(level, query):
    with pytest.raises(UserError, match=r"level|start_time"):
        clock.search_window(level, None, query)


@given(st.sampled_from(clock.SEARCHES), moments, moments)
def test_no_search_looks_past_its_question(level, start, query):
    begin, end = clock.search_window(level, start, query)
    assert end <= query
    assert begin <= start
    assert begin <= start < end or query <= start or level == "week"


@given(st.integers(0, 3 * clock.DAY * clock.FPS).map(lambda frames: frames / clock.FPS))
def test_elapsed_time_comes_back(seconds):
    assert clock.to_elapsed(clock.of_elapsed(seconds)) == seconds
    assert clock.of_elapsed(90) == clock.parse("DAY1_00013000")
