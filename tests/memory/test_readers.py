"""Ego-R1's files as they are, and what is wrong in them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from firsthand import clock
from firsthand.errors import UserError
from firsthand.memory.commands import app
from firsthand.memory.ego_r1_files import Problems, find, read
from firsthand.memory.records import Record
from firsthand.memory.store import Store


def row(start, end, text="text", date=1) -> dict:
    return {"generated_text": text, "date": date, "start_time": start, "end_time": end}


def write(path: Path, rows: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(rows if isinstance(rows, str) else json.dumps(rows))
    return path


def read_all(folder: Path) -> tuple[list[Record], list[str]]:
    problems = Problems()
    return list(read(find(folder, problems), problems)), problems


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """The three layouts."""
    root = tmp_path / "h-rag_database"
    for level, end in (("1day", 22100000), ("1hour", 12100000), ("10min", 11190000), ("30s", 11093000)):
        write(root / f"egolife/A1_JAKE/A1_JAKE_{level}.json", [row(11090000, end, f"{level} text")])
    write(root / "videomme/videomme_10min/abc-_1.json", [row("00000000", "00100000"), row("00100000", "00200000")])
    write(root / "videomme/videomme_30s/abc-_1.json", [row("00000000", "00003000"), row("00003000", "00010000")])
    narrations = ["49:#C C takes scissors", "51:#O A man nods"]
    write(root / "egoschema/0a1b.json", [row("00000000", "00003000", []), row("00003000", "00010000", narrations)])
    return root


def test_the_three_layouts(database) -> None:
    records, problems = read_all(database)
    assert problems == []
    found = {(one.source, one.level, clock.format_range(one.start, one.end), one.text) for one in records}
    assert {
        ("A1_JAKE", "1day", "DAY1_11090000-DAY1_22100000", "1day text"),
        ("A1_JAKE", "1hour", "DAY1_11090000-DAY1_12100000", "1hour text"),
        ("A1_JAKE", "10min", "DAY1_11090000-DAY1_11190000", "10min text"),
        ("A1_JAKE", "30s", "DAY1_11090000-DAY1_11093000", "30s text"),
        ("abc-_1", "10min", "DAY1_00100000-DAY1_00200000", "text"),
        ("abc-_1", "30s", "DAY1_00003000-DAY1_00010000", "text"),
        ("0a1b", "30s", "DAY1_00003000-DAY1_00010000", "49:#C C takes scissors\n51:#O A man nods"),
        ("0a1b", "30s", "DAY1_00000000-DAY1_00003000", ""),
    } <= found
    by_level = {(one.source, one.level, one.start): one.provenance for one in records}
    assert by_level["abc-_1", "10min", 86400.0] == ("DAY1_00000000", "DAY1_00003000")
    assert by_level["abc-_1", "10min", 87000.0] == ()


def test_a_part_of_the_layout_is_found_by_itself(database) -> None:
    assert {one.source for one in read_all(database / "egolife/A1_JAKE")[0]} == {"A1_JAKE"}
    assert {one.source for one in read_all(database / "egoschema")[0]} == {"0a1b"}
    assert {one.level for one in read_all(database / "videomme/videomme_10min")[0]} == {"10min"}


def test_times_that_lost_their_zeros_and_records_over_midnight(tmp_path) -> None:
    write(tmp_path / "P_30s.json", [row(9300000, 9303000), row(100, 3015), row(23594500, 1500, date="DAY2")])
    records, problems = read_all(tmp_path)
    assert problems == []
    assert [clock.format_range(one.start, one.end) for one in records] == [
        "DAY1_09300000-DAY1_09303000",
        "DAY1_00000100-DAY1_00003015",
        "DAY2_23594500-DAY3_00001500",
    ]


BAD = [
    ("no record", "is not a record"),
    ({"date": 1, "start_time": 0}, "lacks generated_text, end_time"),
    (row(11600000, 11003000), "does not exist"),
    (row(None, 11003000), "is not a time"),
    (row(11003000, 11000000), "ends before it starts"),
    (row(11000000, 11003000, 7), "neither text nor a list"),
    (row(11000000, 11003000, ["a", 7]), "neither text nor a list"),
    (row(9000000, 9003000), "repeats an earlier record"),
]


def test_a_bad_record_is_listed_and_the_rest_is_read(tmp_path) -> None:
    path = write(tmp_path / "P_30s.json", [row(9000000, 9003000), *(bad for bad, _ in BAD), row(9003000, 9010000)])
    records, problems = read_all(tmp_path)
    assert [clock.time(one.start) for one in records] == ["09000000", "09003000"]
    for line, (number, (_, expected)) in zip(problems, enumerate(BAD, 1), strict=True):
        assert line.startswith(f"{path}[{number}]: ") and expected in line


@pytest.mark.parametrize("content", ["{", "", "[1", '{"a": 1}', "\x00"])
def test_a_file_that_is_no_list_is_listed(tmp_path, content) -> None:
    path = write(tmp_path / "P_10min.json", content)
    records, [line] = read_all(tmp_path)
    assert records == [] and line.startswith(f"{path}: ") and ("not valid JSON" in line or "not a list" in line)


def test_import_writes_what_it_can_and_says_what_it_could_not(database, tmp_path) -> None:
    out = tmp_path / "memory.sqlite"
    run = CliRunner().invoke(app, ["import", str(database), "--out", str(out)])
    assert run.exit_code == 0 and "7 files, 10 records of 3 sources" in run.output
    write(database / "egolife/A1_JAKE/A1_JAKE_30s.json", [row(1, 2, 3)])
    write(database / "notes.json", [])
    write(database / "older/A1_JAKE_1day.json", [])
    run = CliRunner().invoke(app, ["import", str(database), "--out", str(out)])
    assert run.exit_code == 1 and Store(out).count == 9
    for line in ("A1_JAKE_30s.json[0]: generated_text", "notes.json: its name is not", "repeats A1_JAKE 1day"):
        assert line in run.output
    assert "3 files or records could not be read" in run.output


def test_import_of_a_folder_without_memory_is_an_error(tmp_path) -> None:
    for folder, reason in ((tmp_path, "no memory file below it"), (tmp_path / "x", "no such folder")):
        with pytest.raises(UserError, match=reason):
            CliRunner().invoke(app, ["import", str(folder), "--out", "x"], catch_exceptions=False)


def test_search_and_show_for_people(database, tmp_path) -> None:
    out = str(tmp_path / "memory.sqlite")
    CliRunner().invoke(app, ["import", str(database), "--out", out])
    shown = CliRunner().invoke(app, ["show", out]).output
    assert "10 records" in shown and "DAY1_22100000" in shown and "0a1b" in shown
    ask = ["search", out, "--source", "A1_JAKE", "--level", "day", "--start", "DAY1_11000000"]
    found = json.loads(CliRunner().invoke(app, [*ask, "--query-time", "DAY1_11100000", "--json", "texts"]).output)
    assert [one["text"] for one in found["records"]] == ["30s text"] and found["exact"]
    late = CliRunner().invoke(app, [*ask, "--query-time", "DAY1_23000000", "text"]).output
    assert "DAY1_11090000-DAY1_12100000 1hour\n1hour text" in late
    counted = CliRunner().invoke(app, [*ask, "--query-time", "DAY1_23000000", "--order", "latest", "text"]).output
    assert counted.startswith("matches: ") and late in counted
    early = CliRunner().invoke(app, [*ask, "--query-time", "DAY1_11050000", "text"])
    assert "nothing there" in early.output and early.exit_code == 0
