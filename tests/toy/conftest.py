"""One tiny week on disk for all tests, and weeks of any size in memory, without their videos."""

import shutil
from pathlib import Path

import pytest

from firsthand.toy.week import captions
from firsthand.toy.week.build import build
from firsthand.toy.week.folder import Folder
from firsthand.toy.week.plan import Size, plan_week
from firsthand.toy.week.questions import questions
from firsthand.toy.week.splits import assign

TINY = Size(people=2, days=2, sessions=2, clips=2, questions=16)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read only; a test that changes a week takes `week`."""
    out = tmp_path_factory.mktemp("toy") / "week"
    build(out, TINY)
    return out


@pytest.fixture
def week(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "week"))


@pytest.fixture(scope="session")
def in_memory():
    """size -> the week as a folder that holds everything but files."""

    def make(size: Size) -> Folder:
        plan = plan_week(size)
        asked = questions(plan, size)
        memory = {identity: captions.memory(clips) for identity, clips in plan.items()}
        return Folder(Path("nowhere"), size, plan, memory, asked, assign(size, plan, asked))

    return make
