"""Files are written whole or not at all, and a folder is worked in by one process."""

import stat
from pathlib import Path

import pytest

from firsthand import files
from firsthand.errors import UserError


def test_a_file_is_replaced_when_all_went_well_and_else_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "x.txt"
    files.write_text(path, "old")
    with pytest.raises(ZeroDivisionError), files.replacing(path) as new:
        new.write_text("half of it")
        raise ZeroDivisionError
    assert path.read_text() == "old" and list(path.parent.iterdir()) == [path]
    files.write_text(path, "new")
    assert path.read_text() == "new" and list(path.parent.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_where_nothing_can_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for path in ("file/x", "folder"):
        with pytest.raises(UserError, match=f"{path}: cannot be written"):
            files.write_text(tmp_path / path, "")
    with pytest.raises(UserError, match="file: cannot be written"), files.alone(tmp_path / "file", "demo"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_second_process_in_a_folder_is_refused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with files.alone(run, "demo"):
        with pytest.raises(UserError, match="run: another demo is running there"), files.alone(run, "demo"):
            pass
        with files.alone(tmp_path / "other", "demo"):
            pass
    with files.alone(run, "demo"):
        pass
