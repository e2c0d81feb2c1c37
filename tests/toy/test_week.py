"""The plan of a week is consistent: what hands hold has been picked up there, sessions have gaps, seeds decide all."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firsthand import clock
from firsthand.errors import UserError
from firsthand.toy.week import plan, world
from firsthand.toy.week.plan import Size, plan_week
from firsthand.toy.week.splits import SPLITS, blocks

sizes = st.builds(
    Size,
    people=st.integers(1, 6),
    days=st.integers(1, 7),
    seed=st.integers(0, 99),
    sessions=st.integers(1, 6),
    clips=st.integers(1, 60),
)
few = settings(max_examples=15)


@few
@given(sizes)
def test_hands_hold_only_what_they_took_from_the_table(size):
    for clips in plan_week(size).values():
        held = None
        for before, clip in zip([None, *clips], clips, strict=False):
            if before and before.end != clip.start:
                held = None
            assert clip.carried == held
            assert held is None or held.thing in clip.table
            end = 0
            for event in clip.events:
                assert end <= event.first < event.end <= plan.FRAMES
                assert event.thing in clip.table
                assert (event.verb == "pick up") == (held is None)
                assert held is None or (held.thing, held.hand) == (event.thing, event.hand)
                assert (event.guest is None) == (event.verb != "hand over")
                held = None if event.leaves_hand else plan.Held(event.thing, event.hand)
                end = event.end


@few
@given(sizes)
def test_sessions_are_contiguous_and_more_than_an_hour_apart(size):
    for clips in plan_week(size).values():
        assert len(clips) == size.days * size.sessions * size.clips
        gaps = [clock.seconds_between(a.end, b.start) for a, b in itertools.pairwise(clips)]
        breaks = [gap for gap in gaps if gap]
        assert len(breaks) == size.days * size.sessions - 1
        assert all(gap >= plan.GAP for gap in breaks)
        assert all(clock.day(clip.start) == clock.day(clip.end) for clip in clips)
        assert len({clip.video for clip in clips}) == len(clips)


def test_a_longer_week_begins_with_the_shorter():
    short, long = plan_week(Size(people=1, days=1)), plan_week(Size(people=3, days=2))
    assert long["A1_JAKE"][: len(short["A1_JAKE"])] == short["A1_JAKE"]
    assert plan_week(Size(seed=1)) != plan_week(Size(seed=2))


def test_truth_files_give_back_the_clips():
    for identity, clips in plan_week(Size(people=2, days=1)).items():
        assert [plan.from_json(identity, plan.to_json(clip)) for clip in clips] == clips


def test_clips_are_named_as_egolife_names_them():
    clip = plan_week(Size())["A1_JAKE"][0]
    assert clip.video == f"A1_JAKE/DAY1/DAY1_A1_JAKE_{clock.stamp(clip.start).removeprefix('DAY1_')}.mp4"


def test_everything_the_toy_has_happens():
    clips = [clip for clips in plan_week(Size()).values() for clip in clips]
    events = [event for clip in clips for event in clip.events]
    assert {event.verb for event in events} == set(world.VERBS)
    assert {event.thing for event in events} == set(world.OBJECTS)
    assert {event.guest for event in events} == {None, *world.GUESTS}
    assert {clip.room for clip in clips} == set(world.ROOMS)
    assert any(clip.carried for clip in clips) and any(clock.time(clip.start) < "10" for clip in clips)


@given(sizes)
def test_blocks_part_people_and_days(size):
    found = [(block.identity, day) for block in blocks(size) for day in block.days]
    assert sorted(found) == sorted(itertools.product(size.identities, range(1, size.days + 1)))
    people = {split: {block.identity for block in blocks(size) if block.split == split} for split in SPLITS}
    assert not people["test"] & (people["train"] | people["dev"])
    assert people["train"] and bool(people["test"]) == (size.people > 1) and bool(people["dev"]) == (size.days > 1)


@pytest.mark.parametrize("wrong", [{"people": 7}, {"days": 0}, {"clips": 61}, {"seed": -1}])
def test_an_impossible_size_names_its_option(wrong):
    with pytest.raises(UserError, match=f"--{next(iter(wrong))}"):
        Size(**wrong)
