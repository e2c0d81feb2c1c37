"""The file: written whole, read by anybody, one for many sources."""

import multiprocessing
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from firsthand.errors import UserError
from firsthand.memory.records import Record
from firsthand.memory.search import Searcher
from firsthand.memory.store import Store
from firsthand.memory.words import Analyser


def test_what_goes_in_comes_out_in_order_of_time(build, week) -> None:
    store = build(reversed(week))
    assert store.sources() == ["A1_JAKE"]
    for level in ("1day", "1hour", "10min", "30s"):
        assert store.records("A1_JAKE", level) == [one for one in week if one.level == level]


def test_more_records_than_a_query_takes_come_in_order(build, week, monkeypatch) -> None:
    monkeypatch.setattr("firsthand.memory.store.MOST_VALUES", 2)
    clips = [one for one in week if one.level == "30s"]
    assert len(clips) > 4 and build(week).records("A1_JAKE", "30s") == clips


def test_terms_are_the_same_when_the_known_keywords_are_forgotten(monkeypatch) -> None:
    monkeypatch.setattr("firsthand.memory.words.MOST_KNOWN", 2)
    analyser, asked = Analyser(), [("red boxes", "a cup"), ("cups",), ("Boxes", "cup"), ("tables", "red boxes", "cups")]
    assert [analyser.terms(keywords) for keywords in asked * 2] == [
        Analyser().terms(keywords) for keywords in asked * 2
    ]


def test_records_between_moments_lie_within_them(build, week) -> None:
    parts = [one for one in week if one.level == "10min"]
    store = build(week)
    assert store.records("A1_JAKE", "10min", parts[1].start, parts[3].end) == parts[1:4]
    assert store.records("A1_JAKE", "10min", parts[1].start + 1, parts[3].end - 1) == [parts[2]]


def test_provenance_and_odd_texts_survive(build) -> None:
    odd = Record(
        "vid x'\"", "30s", 86400.0, 86430.0, "\x00 half a pair \ud83d, 盒子", ("DAY1_00000000", "DAY1_00003000")
    )
    (found,) = build([odd]).records("vid x'\"", "30s")
    assert found.provenance == odd.provenance
    assert found.text == odd.text.replace("\ud83d", "?")


def test_the_digest_is_of_the_content(tmp_path, week) -> None:
    one, same = (Store.build(tmp_path / name, order) for name, order in (("a", week), ("b", week[::-1])))
    other = Store.build(tmp_path / "c", week[1:])
    assert one.digest == same.digest != other.digest
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_build_that_fails_leaves_the_old_file_alone(build, week, tmp_path) -> None:
    digest = build(week).digest

    def broken():
        yield week[0]
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        build(broken())
    assert Store(tmp_path / "memory.sqlite").digest == digest
    assert [path.name for path in tmp_path.iterdir()] == ["memory.sqlite"]


def test_an_open_store_keeps_what_it_opened(build, week) -> None:
    old = build(week)
    build([])
    assert len(old.records("A1_JAKE", "1day")) == 2


@pytest.mark.parametrize("content", [b"", b"not a database at all, but long enough" * 40, None])
def test_files_that_are_no_memory_are_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "other.sqlite"
    if content is None:
        sqlite3.connect(path).execute("CREATE TABLE facts(name, value)")
    else:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"other\.sqlite is not a firsthand memory"):
        Store(path)
    with pytest.raises(UserError, match="no such memory"):
        Store(tmp_path / "missing.sqlite")


def test_records_that_end_before_they_start_or_have_no_level_are_refused(build, record) -> None:
    for bad in (record("30s", "DAY1_11000000", -30, "x"), record("2min", "DAY1_11000000", 120, "x")):
        with pytest.raises(UserError, match="not a record"):
            build([bad])


def test_an_unknown_source_is_an_error_that_names_the_known(build, week) -> None:
    with pytest.raises(UserError, match="no 'A2_ALICE'; it holds A1_JAKE"):
        build(week).levels("A2_ALICE")


def test_many_threads_and_processes_read_one_file(build, week, tmp_path) -> None:
    store = build(week)
    searcher = Searcher(store)
    times = [one.end for one in week if one.level == "30s"]
    alone = [_search(searcher, time) for time in times]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda time: _search(Searcher(store), time), times)) == alone
    context = multiprocessing.get_context("fork")  # inherits an open store, and opens it again
    with context.Pool(2, initializer=_inherit, initargs=(searcher,)) as pool:
        assert pool.map(_search_inherited, times) == alone


def _search(searcher: Searcher, query_time: float) -> tuple[str, ...]:
    found = searcher.search("week", ["clip", "hour"], None, query_time, "A1_JAKE")
    return tuple(one.text for one in found.records)


def _inherit(searcher: Searcher) -> None:
    global inherited
    inherited = searcher


def _search_inherited(query_time: float) -> tuple[str, ...]:
    return _search(inherited, query_time)


@pytest.mark.parametrize("change", ["cut", "copied over"])
def test_a_file_that_is_changed_in_place_is_noticed(tmp_path: Path, week, change: str) -> None:
    """In a process of its own: a reader of a mapped file would be killed."""
    store = Store.build(tmp_path / "memory.sqlite", week)
    Store.build(tmp_path / "other.sqlite", week[1:])

    def read_on() -> None:
        assert store.records("A1_JAKE", "30s")  # a forked process opens it again
        content = b"" if change == "cut" else (tmp_path / "other.sqlite").read_bytes()
        store.path.write_bytes(content)
        with pytest.raises(UserError, match="changed in place"):
            store.records("A1_JAKE", "30s")

    reader = multiprocessing.get_context("fork").Process(target=read_on)
    reader.start()
    reader.join(60)
    assert reader.exitcode == 0


def test_a_file_that_is_replaced_stays_as_it_was(tmp_path: Path, week) -> None:
    store = Store.build(tmp_path / "memory.sqlite", week)
    before = store.records("A1_JAKE", "30s")
    Store.build(store.path, week[:1])
    assert store.records("A1_JAKE", "30s") == before
