"""Curves from veRL's metrics files."""

import json
from pathlib import Path

import pytest

from firsthand.errors import UserError
from firsthand.pages.run.curves import read_verl_metrics


def lines(path: Path, *rows: object) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


@pytest.mark.e2e
def test_what_the_installed_verl_writes_is_read(tmp_path, monkeypatch) -> None:
    pytest.importorskip("verl")
    import numpy as np
    from verl.utils.tracking import Tracking

    monkeypatch.setenv("VERL_FILE_LOGGER_PATH", str(tmp_path / "metrics.jsonl"))
    tracking = Tracking("project", "experiment", default_backend=["console", "file"])
    tracking.log({"critic/score/mean": np.float32(0.25), "actor/lr": 1e-6, "perf/nan": float("nan")}, step=1)
    tracking.log({"critic/score/mean": np.float64(0.5)}, step=2)
    tracking.finish()
    unread: list[str] = []
    curves = read_verl_metrics([tmp_path / "metrics.jsonl"], unread)
    assert curves == {"critic/score/mean": {1: 0.25, 2: 0.5}, "actor/lr": {1: 1e-6}} and unread == []


def test_torn_lines_are_skipped_and_reported(tmp_path) -> None:
    path = lines(tmp_path / "m.jsonl", {"step": 1, "data": {"a": 1}}, '{"step": 2, "da', {"step": 3, "data": {"a": 3}})
    with path.open("ab") as handle:
        handle.write(b'{"step": 4, "data": {"a": \xff')
    unread: list[str] = []
    assert read_verl_metrics([path], unread) == {"a": {1: 1, 3: 3}}
    assert unread == [f"{path}:2: not JSON", f"{path}:4: torn last line"]


def test_the_files_of_a_resumed_run_are_joined(tmp_path) -> None:
    first = lines(tmp_path / "1.jsonl", {"step": 1, "data": {"a": 1}}, {"step": 2, "data": {"a": 2}})
    second = lines(tmp_path / "2.jsonl", {"step": 2, "data": {"a": 20}}, {"step": 3, "data": {"a": 30}})
    assert read_verl_metrics([first, second], []) == {"a": {1: 1, 2: 20, 3: 30}}


def test_other_values_than_numbers_are_no_curve(tmp_path) -> None:
    path = lines(
        tmp_path / "m.jsonl", {"step": 0, "data": {"a": 1, "text": "x", "list": [1], "none": None, "on": True}}
    )
    assert read_verl_metrics([path], []) == {"a": {0: 1}, "on": {0: 1}}


@pytest.mark.parametrize("row", [{"step": 1}, {"data": {}}, {"step": "1", "data": {}}, {"uid": "u", "score": 1}])
def test_another_kind_of_file_is_an_error(tmp_path, row) -> None:
    with pytest.raises(UserError, match=r"m\.jsonl:1: not a line of veRL's file logger"):
        read_verl_metrics([lines(tmp_path / "m.jsonl", row)], [])
