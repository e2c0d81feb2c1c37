"""A tiny toy week with its frame store and its memory, as the commands make them."""

from pathlib import Path

import pytest

from firsthand.media.extract import extract
from firsthand.memory.ego_r1_files import Problems, find, read
from firsthand.memory.store import Store
from firsthand.toy.week.build import build
from firsthand.toy.week.plan import Size


@pytest.fixture(scope="session")
def week(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tools") / "week"
    build(out, Size(people=2, days=1, sessions=2, clips=2, questions=8))
    extract(out, out / "store", fps=2.0, workers=1)
    problems = Problems()
    Store.build(out / "memory.sqlite", read(find(out / "memory", problems), problems))
    assert not problems
    return out
