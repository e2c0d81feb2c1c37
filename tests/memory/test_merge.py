"""The merging rule: windows, hours from their first member, days; never over a gap."""

from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from firsthand import clock, files
from firsthand.memory.ego_r1_files import Problems, find, read
from firsthand.memory.jobs import cut
from firsthand.memory.merge import FINE_TO_COARSE, GAP, merged, summaries, windows
from firsthand.memory.records import Record
from firsthand.toy.week import captions
from firsthand.toy.week.plan import Size, plan_week


def clips(*stretches: tuple[str, int]) -> list[Record]:
    """Stretches of 30-s clips: (start, how many)."""
    made = []
    for first, count in stretches:
        for i in range(count):
            start = clock.plus(clock.parse(first), 30 * i)
            made.append(Record("A", "30s", start, clock.plus(start, 30), "", (clock.stamp(start),)))
    return made


def spans(finer: list[Record], level: str) -> list[str]:
    groups = windows(finer, level)
    return [clock.format_range(group[0].start, group[-1].end).replace("DAY1_", "") for group in groups]


def test_ten_minutes_end_at_the_clocks_tens(record) -> None:
    assert spans(clips(("DAY1_11074208", 40)), "10min") == [
        "11074208-11101208",  # a clip belongs to the window in which it starts
        "11101208-11201208",
        "11201208-11274208",
    ]


def test_nothing_but_a_day_crosses_a_gap(record) -> None:
    finer = clips(("DAY1_11000000", 4), ("DAY1_11023000", 4))  # half a minute was not recorded
    assert spans(finer, "10min") == ["11000000-11020000", "11023000-11043000"]
    parts = [merged(group, "10min", "") for group in windows(finer, "10min")]
    assert spans(parts, "1hour") == ["11000000-11020000", "11023000-11043000"]
    assert spans(parts, "1day") == ["11000000-11043000"]


def test_a_jitter_of_frames_is_no_gap(record) -> None:
    finer = clips(("DAY1_11000000", 2), ("DAY1_11010015", 2))
    assert spans(finer, "10min") == ["11000000-11020015"]


def test_an_hour_begins_with_its_first_member_and_ends_with_its_day(record) -> None:
    parts = [record("10min", f"DAY1_22{ten}0000", 600, "") for ten in (40, 50)]
    parts += [record("10min", f"DAY1_23{ten}0000", 600, "") for ten in ("00", 10, 20, 30, 40, 50)]
    parts += [record("10min", "DAY2_00000000", 600, "")]
    assert spans(parts, "1hour") == ["22400000-23400000", "23400000-DAY2_00000000", "DAY2_00000000-DAY2_00100000"]
    assert spans(parts, "1day") == ["22400000-DAY2_00000000", "DAY2_00000000-DAY2_00100000"]


def test_the_rule_is_that_of_the_toy_week(tmp_path: Path) -> None:
    for identity, recorded in plan_week(Size()).items():
        for level, records in captions.memory(recorded).items():
            files.write_json(tmp_path / f"egolife/{identity}/{identity}_{level}.json", records)
    problems = Problems()
    by_level: dict[tuple[str, str], list[Record]] = {}
    for one in read(find(tmp_path, problems), problems):
        by_level.setdefault((one.source, one.level), []).append(one)
    sources = {source for source, _ in by_level}
    assert len(sources) == 2 and not problems
    for source in sources:
        finer = by_level[source, "30s"]
        for level in FINE_TO_COARSE[1:]:
            finer = [merged(group, level, "") for group in windows(finer, level)]
            given_ = by_level[source, level]
            assert [(one.start, one.end, one.provenance) for one in finer] == [
                (one.start, one.end, one.provenance) for one in given_
            ]


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.05, GAP, GAP + 0.05, 300.0, 40000.0]), st.integers(20, 600))))
def test_every_clip_is_in_one_group_and_gaps_part_them(steps: list[tuple[float, int]]) -> None:
    finer, end = [], clock.midnight(1)
    for gap, frames in steps:
        start = clock.plus(end, gap)
        end = clock.plus(start, frames / clock.FPS)
        finer.append(Record("A", "30s", start, end, "", (clock.stamp(start),)))
    all_clips = tuple(one.provenance[0] for one in finer)
    for level in FINE_TO_COARSE[1:]:
        groups = windows(finer, level)
        assert [one for group in groups for one in group] == finer
        for group in groups:
            assert len({clock.day(one.start) for one in group}) == 1
            if level != "1day":
                assert all(clock.seconds_between(a.end, b.start) <= GAP for a, b in pairwise(group))
        finer = [merged(group, level, "") for group in groups]
        assert tuple(clip for one in finer for clip in one.provenance) == all_clips


def test_a_group_of_one_needs_no_summary() -> None:
    assert summaries(clips(("DAY1_11000000", 1), ("DAY1_15000000", 1))) == 1  # the day
    assert summaries(clips(("DAY1_11000000", 25))) == 2 + 1


def test_a_stretch_is_cut_into_clips() -> None:
    assert cut(0, 90) == [(0, 30), (30, 60), (60, 90)]
    assert cut(0, 61) == [(0, 30), (30, 61)]
    assert cut(0, 40) == [(0, 30), (30, 40)]
    assert cut(0, 10) == [(0, 10)]
