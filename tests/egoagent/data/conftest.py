"""A small world of rounds on disk, in the layouts of the real data, and shards of it."""

import shutil
from pathlib import Path

import pytest

from firsthand.egoagent.data.build_shards import build_clips, build_images
from firsthand.egoagent.data.image_sources import frames_below
from firsthand.egoagent.data.pieces import Step
from firsthand.toy.rounds.build import Size, build, plan

SMALL = Size(takes=4, held_out=1, steps=12)


@pytest.fixture
def planned():
    return plan(SMALL)


def nothing(*_) -> None:
    pass


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> Path:
    """Read only; a test that changes files takes `egoexo`."""
    out = tmp_path_factory.mktemp("egoagent") / "world"
    build(out, SMALL)
    return out


@pytest.fixture
def egoexo(world: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(world / "egoexo", tmp_path / "egoexo"))


@pytest.fixture(scope="session")
def clip_shards(world: Path, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("egoagent") / "clips"
    build_clips(out, world / "egoexo", "train", "automatic", Step(), None, nothing)
    return out


@pytest.fixture(scope="session")
def image_shards(world: Path, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("egoagent") / "images"
    build_images(out, frames_below(world / "walking"), None, nothing)
    return out
