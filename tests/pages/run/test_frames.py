"""Small frames from a real store: those that came back, or what was there while a tool only spoke."""

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from firsthand import clock
from firsthand.errors import UserError
from firsthand.media.extract import extract
from firsthand.media.store import FrameStore
from firsthand.pages.run import frames
from firsthand.pages.run.build import build
from firsthand.toy.week.build import build as build_week
from firsthand.toy.week.plan import Size


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    week = tmp_path_factory.mktemp("view") / "week"
    build_week(week, Size(people=1, days=1, sessions=1, clips=1, questions=4))
    extract(week, week / "store", fps=1.0, workers=1)
    return week / "store"


def test_frames_that_came_back_and_frames_of_a_stretch(store: Path, tmp_path: Path, sample, monkeypatch) -> None:
    monkeypatch.setattr(frames, "PIXELS", 64 * 48)  # those of the toy week are small
    [(start, end)] = FrameStore(store).spans("A1_JAKE")
    moments = [start, clock.plus(start, 2)]
    rows = [
        sample.episode(
            "q1",
            sample.call("frames", images=moments),
            sample.call("video_llm", spans=[(start, end)]),
            sample.answer("B"),
        ),
        sample.episode(
            "q2",
            sample.call("vlm", spans=[(start, start)]),
            sample.call("frames", images=[clock.plus(end, 900)]),
            sample.answer("B"),
        ),
        sample.episode("q3", sample.call("frames", images=moments), sample.answer("B"), identity="A9_NOBODY"),
    ]
    built = build(sample.write(tmp_path / "e.jsonl", rows), tmp_path / "view.html", store=store)
    index, said = sample.opened(tmp_path / "view.html")
    names = [f"A1_JAKE {clock.stamp(moment)}" for moment in moments]
    first, second = said[0]["turns"][:2]
    assert first["frames"] == names and first["brought"] == 2
    assert len(second["frames"]) == 4 and "brought" not in second
    assert said[1]["turns"][0]["frames"] == names[:1] and "frames" not in said[1]["turns"][1]
    assert built.missing_frames == 3 and index["notes"] == ["3 frames are not in the store"]
    kind, _, text = said[0]["pictures"][names[0]].partition(",")
    with Image.open(io.BytesIO(base64.b64decode(text))) as image:
        assert kind == "data:image/jpeg;base64" and image.size == (64, 48)


def test_the_store_of_a_tools_yaml(store: Path, tmp_path: Path, sample) -> None:
    path = sample.write(tmp_path / "e.jsonl", [sample.episode("q1", sample.answer("B"))])
    (tmp_path / "tools.yaml").write_text(f"video: {store}\ntools:\n  frames:\n")
    assert build(path, tmp_path / "view.html", store=tmp_path / "tools.yaml").missing_frames == 0
    (tmp_path / "tools.yaml").write_text("tools:\n  terminate:\n")
    with pytest.raises(UserError, match=r"tools\.yaml: names no frame store"):
        build(path, tmp_path / "view.html", store=tmp_path / "tools.yaml")
    with pytest.raises(UserError, match="is no frame store"):
        build(path, tmp_path / "view.html", store=tmp_path)
