"""Rows come one by one, under the numbers that an editor shows, whatever is wrong with some of them."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firsthand.data.read import rows as stream
from firsthand.data.read.rows import Broken, Rows
from firsthand.errors import UserError

TEXTS = st.text() | st.text('{}[],:"\\ a\n')
VALUES = st.recursive(
    st.none() | st.integers(-(2**63), 2**64 - 1) | TEXTS | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150)
@given(rows=st.lists(VALUES, max_size=8), indent=st.sampled_from([None, 2]), chunk=st.integers(2, 400))
def test_a_list_is_read_in_chunks_of_any_size(tmp_path_factory, rows, indent, chunk) -> None:
    file = tmp_path_factory.mktemp("list") / "rows.json"
    file.write_text(json.dumps(rows, indent=indent), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "CHUNK", chunk)
        assert list(Rows(file)) == [(number, stream.NULL if row is None else row) for number, row in enumerate(rows, 1)]


@pytest.mark.parametrize(
    "text", ["[", '[{"a": 1}', '[{"a": 1},', '[{"a": 1}, {"b', '[{"a": 1} {"b": 2}]', "[{'a': 1}]", "[1,]"]
)
def test_a_list_that_breaks_off(tmp_path: Path, text: str) -> None:
    (tmp_path / "rows.json").write_text(text)
    *good, (number, last) = Rows(tmp_path / "rows.json")
    assert isinstance(last, Broken)
    assert [place for place, _ in good] == list(range(1, number))


def test_a_quote_that_is_never_closed_is_not_read_into_memory(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(stream, "CHUNK", 100)
    monkeypatch.setattr(stream, "MAX_ROW", 500)
    (tmp_path / "rows.json").write_text('[{"a": 1}, {"b: ' + "x" * 100_000)
    rows = Rows(tmp_path / "rows.json")
    assert [number for number, _ in rows] == [1, 2]
    assert rows.done < 20_000


def test_odd_rows_are_read_all_the_same(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(stream, "CHUNK", 40)
    rows = [{"a": "é}, {"}, {"a": [{"b": 1}, {"b": 2}, {"b": 3}]}, {"a": float("inf")}, {"a": 4}, {"a": "\U0001f600"}]
    (tmp_path / "rows.json").write_text("\ufeff" + json.dumps(rows), encoding="utf-8")
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert list(Rows(tmp_path / "rows.json")) == list(Rows(tmp_path / "rows.jsonl")) == list(enumerate(rows, 1))


@pytest.mark.parametrize("wrong", ['"\\ud800"', "[" * 5000 + '"]"' + "]" * 5000, '{"a": ' * 5000 + "1" + "}" * 5000])
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json"])
def test_a_row_that_no_file_can_hold_hides_no_other(tmp_path: Path, monkeypatch, name: str, wrong: str) -> None:
    monkeypatch.setattr(stream, "CHUNK", 40)
    lines = ['{"a": 1}', f'{{"a": {wrong}}}', '{"a": 3}']
    (tmp_path / name).write_text("\n".join(lines) if name.endswith("l") else f"[{', '.join(lines)}]")
    (_, one), (number, broken), (_, three) = Rows(tmp_path / name)
    assert (one, three) == ({"a": 1}, {"a": 3}) and number == 2 and isinstance(broken, Broken)


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json"])
def test_lines(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('{"a": 1}\n\n{"a": \n{"a": 4}\n')
    (first, one), (third, broken), (fourth, last) = Rows(tmp_path / name)
    assert (first, third, fourth) == (1, 3, 4)
    assert (one, last) == ({"a": 1}, {"a": 4})
    assert isinstance(broken, Broken)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("rows.json", b"", "0 bytes"),
        ("rows.json", b'{"a": 1}', "not a list of rows"),
        ("rows.json", b"hello", "not a list of rows"),
        ("rows.json", b"[\xff\xfe]", "not UTF-8"),
        ("rows.parquet", b"PAR1 no", "not a readable parquet file"),
        ("rows.csv", b"a,b", "cannot be read; choose one of"),
    ],
)
def test_files_that_are_no_data(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=says):
        list(Rows(tmp_path / name))
