"""What each level searches, what is found in it, and in which order."""

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firsthand import clock
from firsthand.errors import UserError
from firsthand.memory.matches import Matches
from firsthand.memory.records import Record
from firsthand.memory.search import Found, Order, Searcher
from firsthand.memory.store import Store

HOSTILE = ['"', "a OR b", "NEAR(x y)", "text:lamp", "lamp*", "^lamp", "';--", "\x00", "\ud800", "", "-", "x" * 100_000]


def look(
    store: Store,
    level: str,
    start: str | None,
    query: str | None,
    *keywords: str,
    order: Order | None = None,
    **options,
) -> Found:
    times = [clock.parse(one) if one else None for one in (start, query)]
    return Searcher(store, limit=1000, **options).search(level, keywords or ["lamp"], *times, "A1_JAKE", order)


def levels(found: Found) -> dict[str, int]:
    names = [one.level for one in found.records]
    return {name: names.count(name) for name in dict.fromkeys(sorted(names))}


def test_week_finds_days_and_what_has_happened_of_today(build, week) -> None:
    store = build(week)
    assert levels(look(store, "week", None, None)) == {"1day": 2}
    found = look(store, "week", None, "DAY2_12114500")  # one hour, one part, three clips and half a clip into DAY2
    assert levels(found) == {"1day": 1, "1hour": 1, "10min": 1, "30s": 3}
    assert max(one.end for one in found.records) == clock.parse("DAY2_12113000")


def test_day_finds_the_hours_of_the_day_of_start_time(build, week) -> None:
    found = look(build(week), "day", "DAY1_23000000", "DAY2_23000000")
    assert [one.start for one in found.records] == [clock.parse("DAY1_12000000"), clock.parse("DAY1_11000000")]


def test_hour_finds_ten_minutes_within_an_hour_of_start_time_over_the_hour(build, week) -> None:
    found = look(build(week), "hour", "DAY1_11300000", "DAY2_23000000")
    assert levels(found) == {"10min": 5}
    assert {one.text[:6] for one in found.records} == {f"part {part}" for part in (3, 4, 5, 6, 7)}


def test_ten_minutes_that_only_overlap_the_hour_are_seen_in_their_clips(build, week) -> None:
    found = look(build(week), "hour", "DAY1_11050000", "DAY2_23000000")
    assert levels(found) == {"10min": 5, "30s": 20}
    assert min(one.start for one in found.records) == clock.parse("DAY1_11050000")
    assert max(one.end for one in found.records) == clock.parse("DAY1_12050000")


def test_an_hour_goes_over_midnight(build, record) -> None:
    parts = [record("10min", start, 600, start) for start in ("DAY1_23300000", "DAY1_23500000", "DAY2_00000000")]
    far = record("1day", "DAY5_10000000", 600, "another day")
    assert {one.text for one in look(build([*parts, far]), "hour", "DAY1_23300000", None, "day1", "day2").records} == {
        one.text for one in parts
    }


def test_without_start_time_the_query_time_tells_the_day_and_the_hour(build, week) -> None:
    store = build(week)
    assert look(store, "day", None, "DAY1_23000000") == look(store, "day", "DAY1_10000000", "DAY1_23000000")
    assert look(store, "hour", None, "DAY1_12000000") == look(store, "hour", "DAY1_11000000", "DAY1_12000000")


def test_an_hour_without_records_falls_back_to_the_nearest_hour_before_the_query_time(build, week) -> None:
    found = look(build(week), "hour", "DAY1_15000000", "DAY1_18000000")
    assert [one.start for one in found.records] == [clock.parse("DAY1_12000000")] and not found.exact
    assert found.records[0].level == "1hour"
    early = look(build(week), "hour", "DAY1_10000000", "DAY1_11003000")
    assert [one.text for one in early.records] == ["clip DAY1_11000000 with a lamp"]


def test_a_start_after_the_query_time_or_an_empty_day_finds_nothing(build, week) -> None:
    store = build(week)
    assert look(store, "day", "DAY2_11000000", "DAY1_12000000") == Found((), exact=False)
    assert look(store, "day", "DAY4_11000000", "DAY5_12000000") == Found((), exact=False)
    assert look(store, "week", None, "DAY1_10000000") == Found((), exact=False)


def test_keywords_that_match_nothing_give_the_latest_record(build, week) -> None:
    found = look(build(week), "day", "DAY1_11000000", "DAY2_23000000", "screwdriver")
    assert [one.start for one in found.records] == [clock.parse("DAY1_12000000")] and not found.exact


def test_a_level_that_a_memory_lacks_is_replaced_by_the_next_finer(build, week) -> None:
    store = build([one for one in week if one.level in ("1hour", "30s")])
    assert levels(look(store, "week", None, "DAY1_12010000")) == {"1hour": 1, "30s": 2}
    assert levels(look(store, "hour", "DAY1_11000000", "DAY1_11050000")) == {"30s": 10}


def test_a_video_is_searched_by_tens_of_minutes_and_clips(build, record) -> None:
    parts = [record("10min", f"DAY1_00{ten}0000", 600, "a lamp in a part") for ten in ("00", "10", "20")]
    clips = [record("30s", clock.stamp(86400 + 30 * i), 30, "a lamp in a clip") for i in range(60)]
    store = build([*parts, *clips])
    assert levels(look(store, "week", None, None)) == {"10min": 3}
    for level in ("day", "hour"):
        found = look(store, level, "DAY1_00055500", None)  # Ego-R1 adds to the digits, and loses what is over the hour
        assert levels(found) == {"30s": 19}
        assert min(one.start for one in found.records) == clock.parse("DAY1_00060000")
    late = look(store, "hour", "DAY1_12000000", None)
    assert [one.start for one in late.records] == [clips[-1].start] and not late.exact


def test_a_short_video_is_searched_as_a_whole(build, record) -> None:
    clips = [record("30s", clock.stamp(86400 + 30 * i), 30, "C takes a lamp") for i in range(6)]
    for level in ("week", "day", "hour"):
        assert levels(look(build(clips), level, "DAY1_12000000", None)) == {"30s": 6}


def test_a_video_is_short_as_long_as_ten_minutes_have_not_passed(build, record) -> None:
    store = build(record("30s", clock.stamp(86400 + 30 * i), 30, "a lamp") for i in range(60))
    assert levels(look(store, "hour", "DAY1_00080000", "DAY1_00100000")) == {"30s": 20}
    assert levels(look(store, "hour", "DAY1_00080000", "DAY1_00103000")) == {"30s": 5}
    assert levels(look(store, "hour", None, "DAY1_00250000")) == {"30s": 20}


def test_summaries_of_hours_do_not_make_a_video_a_life_log(build, record) -> None:
    clips = [record("30s", clock.stamp(86400 + 30 * i), 30, "a lamp") for i in range(40)]
    parts = [record("10min", f"DAY1_00{ten}0000", 600, "a lamp") for ten in ("00", "10")]
    whole = [record(level, "DAY1_00000000", 1200, "a lamp") for level in ("1hour", "1day")]
    assert levels(look(build([*clips, *parts, *whole]), "week", None, None)) == {"10min": 2}


def test_best_first_by_bm25_and_of_equals_the_later(build, record) -> None:
    texts = ["a red box", "a box and a lamp", "lamps and a lamp", "nothing", "a red box"]
    store = build(record("1hour", f"DAY1_1{i}000000", 3600, text) for i, text in enumerate(texts))
    found = look(store, "day", "DAY1_11000000", None, "lamp", "Boxes")
    assert [one.text for one in found.records] == [texts[1], texts[2], texts[4], texts[0]] and found.exact
    assert [one.start for one in found.records][2:] == [clock.parse("DAY1_14000000"), clock.parse("DAY1_10000000")]
    assert (
        len(Searcher(store, limit=2).search("day", ["box"], clock.parse("DAY1_11000000"), None, "A1_JAKE").records) == 2
    )


def test_how_rare_a_word_is_later_does_not_matter(build, record) -> None:
    past = [record("1hour", "DAY1_10000000", 3600, "a box"), record("1hour", "DAY1_11000000", 3600, "a lamp")]
    future = [record("1hour", f"DAY1_{hour}000000", 3600, "a lamp") for hour in range(13, 23)]
    found = look(build([*past, *future]), "day", "DAY1_10000000", "DAY1_12300000", "lamp", "box")
    assert [one.text for one in found.records] == ["a lamp", "a box"]  # equally rare so far, so the later one first


def times(found: Found) -> list[str]:
    return [clock.stamp(one.start) for one in found.records]


@pytest.fixture
def lamps(build, record) -> Store:
    """Three days whose summaries do not name the lamp, and clips that do: two, none with both words, one."""
    said = {
        "DAY1_11000000": "i put down the lamp", "DAY1_11003000": "i put down the lamp",
        "DAY1_11010000": "i put down a cup",
        "DAY2_11000000": "i see the lamp", "DAY2_11003000": "i put down a cup", "DAY3_11000000": "i put down the lamps",
    }  # fmt: skip
    clips = [record("30s", start, 30, text) for start, text in said.items()]
    days = [record("1day", f"DAY{day}_11000000", 90, f"day {day} : put the cup in the kitchen") for day in (1, 2, 3)]
    return build([*clips, *days])


def test_the_last_and_the_first_day_are_found_by_what_their_clips_say(lamps) -> None:
    asked = (None, None, "put down", "lamp")
    latest, earliest = (look(lamps, "week", *asked, order=order) for order in ("latest", "earliest"))
    assert times(latest) == ["DAY3_11000000", "DAY1_11000000"] == times(earliest)[::-1]
    begin, end = clock.parse("DAY1_11000000"), clock.parse("DAY3_11003000")
    assert latest.exact and latest.matches == earliest.matches == Matches(3, begin, end, held=3, asked=3)


def test_matches_are_counted_up_to_the_query_time(lamps) -> None:
    for query, count in (("DAY1_11003000", 1), ("DAY1_11005919", 1), ("DAY2_20000000", 2), ("DAY3_11002919", 2)):
        found = look(lamps, "week", None, query, "put down", "lamp", order="latest").matches
        assert found and found.count == count, query


def test_what_has_the_most_keywords_matches_and_a_summary_where_no_clip_has_as_many(lamps) -> None:
    some = look(lamps, "week", None, None, "lamp", "unicorn", order="latest").matches
    assert some and (some.count, some.held, some.asked) == (4, 1, 2)
    kitchen = look(lamps, "week", None, None, "cup", "kitchen", order="latest").matches
    assert kitchen and (kitchen.count, kitchen.held) == (3, 2)


def test_keywords_of_one_sentence_match_before_keywords_of_several(build, record) -> None:
    texts = ["I put down the lamp. Then tea.", "I put down the cup. There is the lamp.", "我看灯。I put it down"]
    store = build(record("30s", f"DAY1_1{i}000000", 30, text) for i, text in enumerate(texts))
    found = look(store, "week", None, None, "put down", "lamps", order="latest")
    assert [one.text for one in found.records] == texts[:1] and found.matches and found.matches.held == 3
    apart = look(store, "week", None, None, "tea", "lamp", order="latest").matches
    assert apart and (apart.count, apart.held, apart.asked) == (1, 2, 2)


def test_relevance_counts_and_ranks_as_ever(lamps) -> None:
    plain, counted = look(lamps, "week", None, None, "cup"), look(lamps, "week", None, None, "cup", order="relevance")
    assert counted.records == plain.records and plain.matches is None
    assert counted.matches and counted.matches.count == 2
    unsaid = look(lamps, "week", None, None, "lamp", order="relevance")  # by no summary
    assert unsaid.exact and times(unsaid)[0] == "DAY3_11000000" and not look(lamps, "week", None, None, "lamp").exact


def test_keywords_without_a_match_are_zero_matches(lamps) -> None:
    for keywords in (["unicorn"], ["--"]):
        found = look(lamps, "week", None, None, *keywords, order="latest")
        assert found.matches and found.matches.count == 0 and not found.exact
    assert look(lamps, "week", None, "DAY1_10000000", "lamp", order="latest").matches == Matches(0, 0.0, 0.0, 0, 1)


def test_words_that_mean_the_same_are_one_keyword(build, tmp_path, record) -> None:
    (tmp_path / "synonyms.txt").write_text("box, crate\n")
    texts = ["a red box", "a red crate and a box", "a red bag"]
    store = build(record("30s", f"DAY1_1{i}000000", 30, text) for i, text in enumerate(texts))
    found = look(store, "week", None, None, "red", "crates", order="latest", synonyms=tmp_path / "synonyms.txt")
    assert [one.text for one in found.records] == [texts[1], texts[0]] and found.matches and found.matches.held == 2


def test_synonyms_widen_a_search(build, tmp_path, record) -> None:
    (tmp_path / "synonyms.txt").write_text("cell phone, mobile\n\nbox, crate\n")
    store = build(record("1hour", f"DAY1_1{i}000000", 3600, text) for i, text in enumerate(["a mobile", "crates"]))
    assert not look(store, "day", "DAY1_11000000", None, "boxes").exact
    for keywords, text in ((["boxes"], "crates"), (["cell", "phone"], "a mobile"), (["Mobile"], "a mobile")):
        found = look(store, "day", "DAY1_11000000", None, *keywords, synonyms=tmp_path / "synonyms.txt")
        assert [one.text for one in found.records] == [text]
    assert not look(store, "day", "DAY1_11000000", None, "cell", synonyms=tmp_path / "synonyms.txt").exact
    with pytest.raises(UserError, match="missing"):
        Searcher(store, synonyms=tmp_path / "missing.txt")


@pytest.mark.parametrize("keyword", HOSTILE, ids=lambda keyword: repr(keyword[:12]))
def test_hostile_keywords_are_words_like_any_other(build, week, keyword: str) -> None:
    found = look(build(week), "week", None, None, keyword, "lamp")
    assert levels(found) == {"1day": 2} and found.exact


def test_wrong_settings_are_named(build, week) -> None:
    store = build(week)
    with pytest.raises(UserError, match="'year' is not one of week, day, hour"):
        look(store, "year", None, None)
    with pytest.raises(UserError, match="holds no 'B'"):
        Searcher(store).search("week", ["x"], None, None, "B")
    with pytest.raises(UserError, match="'best' is not one of"):
        Searcher(store, "best")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="'first' is not one of relevance, latest, earliest"):
        look(store, "week", None, None, order="first")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="firsthand memory embed"):
        Searcher(store, "dense")


texts = st.lists(st.sampled_from(["lamp", "box", "boxes", "red", "pick"]), max_size=4).map(" ".join)
durations = st.sampled_from([0, 30, 60, 90, 300, 600])
words = st.one_of(st.sampled_from(["lamp", "box", "pick red"]), st.text(max_size=8))
LATER = [Record("A1_JAKE", level, 10 * 86400.0, 10 * 86400.0 + 30, "lamp box") for level in clock.LEVELS]


@st.composite
def situations(draw) -> dict[str, list]:
    """Any records at all (overlapping, of no length, summaries that fit nothing): a video's or around a midnight."""
    begin = draw(st.sampled_from([clock.midnight(1), clock.midnight(2) - 600]))
    moments = st.integers(0, 40).map(lambda i: begin + 30 * i)
    record = st.builds(
        lambda start, length, level, text: Record("A1_JAKE", level, start, start + length, text),
        moments, durations, st.sampled_from(list(clock.LEVELS)), texts,
    )  # fmt: skip
    search = st.tuples(
        st.sampled_from(["week", "day", "hour"]), st.lists(words, max_size=3), st.none() | moments, moments,
        st.none() | st.sampled_from(get_args(Order)),
    )  # fmt: skip
    return {
        "past": draw(st.lists(record, min_size=1, max_size=25)),
        "future": draw(st.lists(record, max_size=25)),
        "asked": draw(st.lists(search, min_size=5, max_size=5)),
    }


def no_future(folder: Path, past: list[Record], future: list[Record], asked: list[tuple]) -> None:
    """Whatever ends after the query time may be dropped or rewritten, and no answer changes."""
    store = Store.build(folder / "a", past)
    for level, keywords, start, query, order in asked:
        ended = [one for one in past if one.end <= query]
        other = Store.build(folder / "b", [*ended, *(one for one in future if one.end > query), *LATER])
        found = Searcher(store).search(level, keywords, start, query, "A1_JAKE", order)
        assert set(found.records) <= set(ended)
        assert not found.matches or found.matches.end <= query
        assert found == Searcher(other).search(level, keywords, start, query, "A1_JAKE", order)
        other.close()
    store.close()


@given(situations())
@settings(max_examples=30)
def test_no_future_in_what_is_found_nor_in_how_it_is_found(tmp_path_factory, situation) -> None:
    no_future(tmp_path_factory.mktemp("memory"), **situation)


@pytest.mark.long
@given(situations())
@settings(max_examples=2000)
def test_no_future_in_ten_thousand_searches(tmp_path_factory, situation) -> None:
    no_future(tmp_path_factory.mktemp("memory"), **situation)
