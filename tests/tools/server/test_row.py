"""Who may say what about the row: all parts of a request must agree, and each can only narrow."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firsthand import clock
from firsthand.errors import UserError
from firsthand.tools.scope import Scope

TIMES = [None, "DAY1_09300000", "DAY3_12000019", "end"]


def test_a_person_of_egolife_may_be_called_by_number() -> None:
    assert Scope.of_fields({"identity": "A2"}) == Scope("A2_ALICE") == Scope.of_fields({"source": "A2_ALICE"})
    assert Scope.of("A7") == Scope("A7") and Scope.of("") == Scope()


def test_a_row_that_is_not_complete_is_no_context() -> None:
    with pytest.raises(UserError, match="whose week"):
        Scope.of(query_time="end").context()
    with pytest.raises(UserError, match="when was the question asked"):
        Scope.of("A1_JAKE").context()


def test_end_lets_the_whole_video_be_seen_unless_another_part_knows_better() -> None:
    whole = Scope.of("v", "end")
    assert whole.context().query_time is None
    assert whole.narrowed(Scope.of(query_time="DAY1_00010000")).context().query_time == clock.parse("DAY1_00010000")


@pytest.mark.parametrize(
    "fields",
    [
        {"source": "A1_JAKE", "identity": "A2"},
        {"identity": "A1", "vid_id": "A2_ALICE"},
        {"identity": 1},
        {"source": ["A1_JAKE"]},
        {"source": "A1_JAKE", "query_time": 86400},
        {"source": "A1_JAKE", "query_time": "noon"},
    ],
)
def test_fields_that_disagree_or_make_no_sense_are_refused(fields) -> None:
    with pytest.raises(UserError):
        Scope.of_fields(fields)


@given(st.lists(st.sampled_from(TIMES), min_size=1, max_size=4))
def test_whatever_is_said_the_earliest_time_holds(times) -> None:
    row = Scope("A1_JAKE")
    for time in times:
        row = row.narrowed(Scope.of(query_time=time))
    said = [math.inf if time == "end" else clock.parse(time) for time in times if time]
    assert row.query_time == min(said, default=None)
