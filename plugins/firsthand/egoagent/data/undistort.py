"""Takes of Ego-Exo4D become straight images: every fifth frame of the head camera's video through its own calibration.

Aria's calibration is of the sensor as it is built in, which lies on its side: 2880 pixels wide, or 1408 after a crop of
32 and a halving. The videos are upright and 448 wide. So a frame is turned as the sensor lies, straightened, and turned
back. EgoAgent's release does neither the turn nor the crop (`as_released`): a few pixels, and 2 % of focal length.
"""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firsthand import files
from firsthand.egoagent.data.egoexo import Dropped, image_frames
from firsthand.egoagent.data.fisheye import PARAMETERS, Fisheye, undistort
from firsthand.errors import UserError

EVERY = 5
FULL, HALF, CROP = 2880, 1408, 32  # pixels of the sensor, of its usual recording, and what is cut off before halving
FOLDER = "aria01_214-1"


@dataclass(frozen=True)
class TakeVideo:
    name: str
    video: Path
    calibration: Path
    borrowed: str | None  # the take whose calibration this is, if it has none of its own


def find_videos(root: Path, calibrations: Path | None) -> tuple[list[TakeVideo], list[Dropped]]:
    """Takes with a video of 448 pixels. One without a calibration borrows that of a take of the same place and task."""
    folders = sorted(path for path in (root / "takes").glob("*") if path.is_dir())
    if not folders:
        raise UserError(f"{root}/takes: no take; {root} should be a folder of Ego-Exo4D")
    calibrated = {path.name: own for path in folders if (own := _calibration(path, calibrations))}
    lenders: dict[str, str] = {}
    for name in calibrated:
        lenders.setdefault(_task(name), name)
    found, dropped = [], []
    for folder in folders:
        videos = sorted(folder.glob("frame_aligned_videos/downscaled/448/*214-1.mp4"))
        lender = folder.name if folder.name in calibrated else lenders.get(_task(folder.name))
        if len(videos) != 1:
            dropped.append(Dropped(folder.name, f"{len(videos)} videos *214-1.mp4 of 448 pixels, not one"))
        elif lender is None:
            dropped.append(Dropped(folder.name, "no calibration, and none of the same place and task to borrow"))
        else:
            borrowed = lender if lender != folder.name else None
            found.append(TakeVideo(folder.name, videos[0], calibrated[lender], borrowed))
    return found, dropped


def straighten(out: Path, as_released: bool, take: TakeVideo) -> int | Dropped:
    """Writes the take's folder of images, whole or not at all; the number of images. A finished folder is kept."""
    folder = out / take.name / FOLDER
    if folder.is_dir():
        return len(image_frames(folder))
    part = folder.with_name(f".{FOLDER}.part")
    shutil.rmtree(part, ignore_errors=True)
    with files.writing(part):
        part.mkdir(parents=True)
    try:
        _write(take, part, as_released)
    except UserError as error:
        shutil.rmtree(part)
        return Dropped(take.name, str(error))
    part.rename(folder)
    return len(image_frames(folder))


def _write(take: TakeVideo, folder: Path, as_released: bool) -> None:
    import torch
    from PIL import Image

    torch.set_num_threads(1)  # takes are spread over processes
    camera, lens, turns = read_calibration(take.calibration), None, 0 if as_released else 1
    for number, frame in _frames(take.video):
        size = len(frame)
        lens = lens or undistort(for_video(camera, size, as_released), size)
        lying = np.ascontiguousarray(np.rot90(frame, turns).transpose(2, 0, 1))
        straight = lens(torch.from_numpy(lying)).numpy().transpose(1, 2, 0)
        upright = np.ascontiguousarray(np.rot90(straight, -turns))
        Image.fromarray(upright).save(folder / f"frame_{number}.jpg", quality=95)


def for_video(camera: Fisheye, size: int, as_released: bool) -> Fisheye:
    """The calibration of the recording, brought to a video of `size` pixels."""
    if camera.width == FULL and not as_released:
        camera = camera.shifted_and_scaled(CROP, 0.5, HALF, HALF)
    return camera.shifted_and_scaled(0, size / camera.width, size, size)


def _frames(video: Path) -> Iterator[tuple[int, np.ndarray]]:
    from firsthand.media.decode import opened
    from firsthand.media.pixels import rgb

    with opened(video) as source:
        total, _, _ = source.header()
        numbers = list(range(0, total, EVERY))
        for number, shown in zip(numbers, source.numbered(numbers), strict=True):
            frame = rgb(shown.frame)
            if frame.shape[0] != frame.shape[1]:
                raise UserError(
                    f"{video}: {frame.shape[1]} x {frame.shape[0]} pixels; the head camera's video is square"
                )
            yield number, frame


def _calibration(take: Path, calibrations: Path | None) -> Path | None:
    """The file that knows this take's camera: a calibration in JSON, or the take's recording."""
    written = [calibrations / f"{take.name}.json"] if calibrations else []
    found = [path for path in (*written, *sorted(take.glob("*noimagestreams.vrs"))) if path.is_file()]
    return found[0] if found else None


def read_calibration(path: Path) -> Fisheye:
    return _of_vrs(path) if path.suffix == ".vrs" else _of_json(path)


def _of_json(path: Path) -> Fisheye:
    content = files.read_json(path)
    try:
        camera = Fisheye(
            tuple(map(float, content["parameters"])), content["width"], content["height"], content["radius"]
        )
    except (TypeError, KeyError, ValueError):
        raise UserError(f"{path}: not a calibration: parameters, width, height, radius (or null)") from None
    if len(camera.parameters) != PARAMETERS:
        raise UserError(f"{path}: {len(camera.parameters)} parameters; Fisheye624 has {PARAMETERS}")
    return camera


def _of_vrs(path: Path) -> Fisheye:
    try:
        from projectaria_tools.core import data_provider
    except ImportError:
        raise UserError(
            f"{path}: reading a calibration out of a VRS file needs projectaria-tools: pip install --no-deps "
            "projectaria-tools; or give --calibrations with NAME.json files"
        ) from None
    provider = data_provider.create_vrs_data_provider(str(path))
    camera = provider.get_device_calibration().get_camera_calib("camera-rgb") if provider else None
    if camera is None:
        raise UserError(f"{path}: no calibration of camera-rgb in this file")
    width, height = map(int, camera.get_image_size())
    return Fisheye(tuple(camera.get_projection_params().tolist()), width, height, camera.get_valid_radius())


def _task(name: str) -> str:
    """cmu_bike of cmu_bike01_2: a university and a task."""
    return re.sub(r"\d+", "", "_".join(name.split("_")[:2]))
