"""Every command that reads files, on files that are wrong in every way we know: bytes, types and values.

The first tier takes a sample with a fixed seed; the tests marked `long` try everything.
"""

import json
import random
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from .conftest import Run
from .formats import CONTENT, FORMATS, KINDS, ONE_OBJECT, files_of, mutated, numbered
from .formats import DEAD as SERVER

FEW = 4  # of each format, in the first tier


def _rows_out(folder: Path) -> int:
    """Rows of a build and of its list of what was not taken."""
    lines = sum(len(path.read_bytes().splitlines()) for path in folder.glob("out/*.jsonl") if "fps" not in path.name)
    return lines + sum(pq.read_metadata(path).num_rows for path in folder.glob("out/*.parquet"))


def _try_rows(run: Run, name: str, rows: Any) -> None:
    format = FORMATS[name]
    around = [json.dumps(numbered(name, number)) for number in (0, 2)]
    for row in rows:
        done = run(files_of(name, [row] if name in ONE_OBJECT else [around[0], row, around[1]]), format.words)
        assert done.code in (0, 1), f"{row[:300]}: {done.output}"
        assert done.code == 0 or done.output.strip(), "a failure without a word"
        if format.out:
            assert _rows_out(Path.cwd()) == 3, f"{row[:300]}: a row is missing\n{done.output}"


@pytest.mark.parametrize("name", FORMATS)
def test_the_right_row_of_every_format_is_taken(run: Run, name: str) -> None:
    """Else the tests below would only see its first error."""
    format, rows = FORMATS[name], [json.dumps(numbered(name, number)) for number in range(3)]
    done = run(files_of(name, rows[:1] if name in ONE_OBJECT else rows), format.words)
    unserved = f"no server answers at {SERVER}/v1" in done.output or "faults in a row" in done.output
    assert done.code == 0 or unserved or (name in EXPECTED and EXPECTED[name] in done.output), done.output


EXPECTED = {  # not a fault of the row
    "registry": "ego_cott: is missing",
    "teacher": "nothing:there",
    "predictions": "have no letter",
    "captions": "pieces are missing",
}


@pytest.mark.parametrize("name", FORMATS)
def test_rows_that_are_wrong(run: Run, name: str) -> None:
    _try_rows(run, name, mutated(numbered(name, 1), random.Random(name), FEW))


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", FORMATS)
def test_every_value_that_is_wrong(run: Run, name: str) -> None:
    _try_rows(run, name, mutated(numbered(name, 1)))


def _try_file(run: Run, name: str, kind: str) -> None:
    format = FORMATS[name]
    files = {**format.beside, format.file: CONTENT.get(kind, b"")}

    def prepare(folder: Path) -> None:
        if kind in KINDS:
            (folder / format.file).unlink()
            KINDS[kind](folder / format.file)

    done = run(files, format.words, prepare)
    assert done.code in (0, 1) and done.output.strip(), f"{name}, {kind}: {done.code} {done.output}"


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.timeout(120)
def test_a_file_that_is_something_else(run: Run, name: str) -> None:
    for kind in random.Random(name).sample([*CONTENT, *KINDS], FEW):
        _try_file(run, name, kind)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_is_anything_else(run: Run, name: str) -> None:
    for kind in (*CONTENT, *KINDS):
        _try_file(run, name, kind)
