"""Videos of takes become straight images, every fifth frame, each take whole or not at all."""

import json
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.egoagent.data.egoexo import Dropped
from firsthand.egoagent.data.fisheye import Fisheye
from firsthand.egoagent.data.undistort import find_videos, for_video, read_calibration, straighten
from firsthand.errors import UserError

SIZE = 64
CAMERA = {"parameters": [30.0, 31.5, 31.5, *[0.0] * 12], "width": SIZE, "height": SIZE, "radius": None}


def film(path: Path, frames: list[np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "10"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def greys(count: int, height: int = SIZE) -> list[np.ndarray]:
    """Frame k has the brightness 10 k."""
    return [np.full((height, SIZE, 3), 10 * number, np.uint8) for number in range(count)]


def add_take(root: Path, name: str, frames: list[np.ndarray], calibrated: bool = True) -> None:
    film(root / f"takes/{name}/frame_aligned_videos/downscaled/448/aria01_214-1.mp4", frames)
    if calibrated:
        (root / "calibrations").mkdir(exist_ok=True)
        (root / f"calibrations/{name}.json").write_text(json.dumps(CAMERA))


def images_of(root: Path, name: str) -> dict[str, Path]:
    return {path.name: path for path in (root / f"processed_data/{name}/aria01_214-1").iterdir()}


def test_every_fifth_frame_under_its_own_number(tmp_path) -> None:
    add_take(tmp_path, "cmu_bike01_1", greys(12))
    done = CliRunner().invoke(
        app, ["egoagent", "straighten", str(tmp_path), "--calibrations", str(tmp_path / "calibrations")]
    )
    assert done.exit_code == 0, done.output
    images = images_of(tmp_path, "cmu_bike01_1")
    assert set(images) == {"frame_0.jpg", "frame_5.jpg", "frame_10.jpg"}
    assert np.asarray(Image.open(images["frame_5.jpg"]))[32, 32].tolist() == pytest.approx([50] * 3, abs=4)


def test_a_take_borrows_a_calibration_of_the_same_place_and_task_alone(tmp_path) -> None:
    add_take(tmp_path, "cmu_bike01_1", greys(2))
    add_take(tmp_path, "cmu_bike02_7", greys(2), calibrated=False)
    add_take(tmp_path, "nus_cpr_01", greys(2), calibrated=False)
    (tmp_path / "takes/cmu_bike03_1").mkdir()
    found, dropped = find_videos(tmp_path, tmp_path / "calibrations")
    assert {take.name: take.borrowed for take in found} == {"cmu_bike01_1": None, "cmu_bike02_7": "cmu_bike01_1"}
    assert {one.what: one.why.split(",")[0] for one in dropped} == {
        "nus_cpr_01": "no calibration", "cmu_bike03_1": "0 videos *214-1.mp4 of 448 pixels",
    }  # fmt: skip


def test_a_take_that_was_killed_is_done_again_and_a_finished_one_kept(tmp_path) -> None:
    add_take(tmp_path, "cmu_bike01_1", greys(6))
    [take], _ = find_videos(tmp_path, tmp_path / "calibrations")
    half = tmp_path / "out/cmu_bike01_1/.aria01_214-1.part"
    half.mkdir(parents=True)
    (half / "frame_0.jpg").write_bytes(b"half")
    assert straighten(tmp_path / "out", False, take) == 2
    assert [path.name for path in (tmp_path / "out/cmu_bike01_1").iterdir()] == ["aria01_214-1"]
    take.video.unlink()
    assert straighten(tmp_path / "out", False, take) == 2


def test_the_sensor_lies_on_its_side(tmp_path) -> None:
    """The calibration's centre is to the right of the sensor's middle: above or below that of the upright image.
    As released, the image is shifted sideways instead."""
    frame = np.zeros((SIZE, SIZE, 3), np.uint8)
    frame[31:33, 31:33] = 255
    add_take(tmp_path, "cmu_bike01_1", [frame] * 2)
    moved = CAMERA | {"parameters": [30.0, 36.5, 31.5, *[0.0] * 12]}
    (tmp_path / "calibrations/cmu_bike01_1.json").write_text(json.dumps(moved))
    [take], _ = find_videos(tmp_path, tmp_path / "calibrations")
    places = {}
    for as_released in (False, True):
        out = tmp_path / f"out_{as_released}"
        straighten(out, as_released, take)
        bright = np.asarray(Image.open(out / "cmu_bike01_1/aria01_214-1/frame_0.jpg").convert("L")).astype(float)
        bright[bright < 60] = 0
        places[as_released] = [round(float((grid * bright).sum() / bright.sum()), 1) for grid in np.mgrid[:SIZE, :SIZE]]
    (row, column), (row_released, column_released) = places[False], places[True]
    assert column == pytest.approx(31.5, abs=0.5) and abs(row - 31.5) == pytest.approx(5, abs=1)
    assert row_released == pytest.approx(31.5, abs=0.5) and column_released == pytest.approx(26.5, abs=1)


def test_a_full_calibration_is_cropped_and_halved_but_not_as_released() -> None:
    full = Fisheye((1221.64, 1439.5, 1439.5, *[0.0] * 12), 2880, 2880)
    assert for_video(full, 448, as_released=False).focal == pytest.approx(194.35, abs=0.01)
    assert for_video(full, 448, as_released=True).focal == pytest.approx(190.03, abs=0.01)


def test_wrong_videos_and_calibrations_are_named(tmp_path) -> None:
    add_take(tmp_path, "cmu_bike01_1", greys(2, height=32))
    [take], _ = find_videos(tmp_path, tmp_path / "calibrations")
    made = straighten(tmp_path / "out", False, take)
    assert isinstance(made, Dropped) and "64 x 32 pixels; the head camera's video is square" in made.why
    (tmp_path / "calibrations/cmu_bike01_1.json").write_text(json.dumps(CAMERA | {"parameters": [1.0]}))
    with pytest.raises(UserError, match="1 parameters; Fisheye624 has 15"):
        read_calibration(take.calibration)


def test_a_recording_needs_the_library_that_reads_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "projectaria_tools", None)
    add_take(tmp_path, "cmu_bike01_1", greys(2), calibrated=False)
    (tmp_path / "takes/cmu_bike01_1/aria01_noimagestreams.vrs").touch()
    [take], _ = find_videos(tmp_path, None)
    made = straighten(tmp_path / "out", False, take)
    assert isinstance(made, Dropped) and "pip install --no-deps projectaria-tools" in made.why


def test_a_broken_take_fails_the_command_and_leaves_the_others(tmp_path) -> None:
    add_take(tmp_path, "cmu_bike01_1", greys(6))
    add_take(tmp_path, "cmu_bike01_2", greys(6))
    video = tmp_path / "takes/cmu_bike01_2/frame_aligned_videos/downscaled/448/aria01_214-1.mp4"
    video.write_bytes(video.read_bytes()[:500])
    done = CliRunner().invoke(
        app, ["egoagent", "straighten", str(tmp_path), "--calibrations", str(tmp_path / "calibrations")]
    )
    assert done.exit_code == 1 and "1 takes are bad" in done.output
    assert len(images_of(tmp_path, "cmu_bike01_1")) == 2
    [line] = (tmp_path / "processed_data/dropped.jsonl").read_text().splitlines()
    assert json.loads(line)["what"] == "cmu_bike01_2"
