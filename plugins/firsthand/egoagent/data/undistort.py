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
import torch

from firsthand import files
from firsthand.egoagent.data.egoexo import Dropped
from firsthand.egoagent.data.fisheye import PARAMETERS, Fisheye, undistort
from firsthand.errors import UserError

EVERY = 5
FULL, HALF, CROP = 2880, 1408, 32  # pixels of the sensor, of its usual recording, and what is cut off before halving
FOLDER = "aria01_214-1"


@dataclass(frozen=True)
class TakeVideo:
    name: str
    video: Path
    camera: Fisheye
    borrowed: str | None  # the take whose calibration this is, if it has none of its own


def find_videos(root: Path, calibrations: Path | None) -> tuple[list[TakeVideo], list[Dropped]]:
    """Takes with a video of 448 pixels. One without a calibration borrows that of a take of the same place and task."""
    folders = sorted(path for path in (root / "takes").glob("*") if path.is_dir())
    if not folders:
        raise UserError(f"{root}/takes: no take; {root} should be a folder of Ego-Exo4D")
    cameras = {path.name: camera for path in folders if (camera := _camera(path, calibrations))}
    found, dropped = [], []
    for folder in folders:
        videos = sorted(folder.glob("frame_aligned_videos/downscaled/448/*214-1.mp4"))
        lender = (
            folder.name if folder.name in cameras else next((n for n in cameras if _same_task(n, folder.name)), None)
        )
        if len(videos) != 1:
            dropped.append(Dropped(folder.name, f"{len(videos)} videos *214-1.mp4 of 448 pixels, not one"))
        elif lender is None:
            dropped.append(Dropped(folder.name, "no calibration, and none of the same place and task to borrow"))
        else:
            borrowed = lender if lender != folder.name else None
            found.append(TakeVideo(folder.name, videos[0], cameras[lender], borrowed))
    return found, dropped


def straighten(take: TakeVideo, out: Path, as_released: bool) -> int:
    """Writes the take's folder of images, whole or not at all; the number of images. A finished folder is kept."""
    folder = out / take.name / FOLDER
    if folder.is_dir():
        return sum(1 for _ in folder.glob("frame_*.jpg"))
    part = folder.with_name(f".{FOLDER}.part")
    shutil.rmtree(part, ignore_errors=True)
    with files.writing(part):
        part.mkdir(parents=True)
    from PIL import Image

    count = 0
    for number, frame in _frames(take.video):
        if not count:
            straight = undistort(for_video(take.camera, frame.shape[0], as_released), frame.shape[0])
        turned = frame if as_released else np.rot90(frame)
        image = straight(torch.from_numpy(np.ascontiguousarray(turned.transpose(2, 0, 1)))).numpy().transpose(1, 2, 0)
        upright = image if as_released else np.rot90(image, -1)
        Image.fromarray(np.ascontiguousarray(upright)).save(part / f"frame_{number}.jpg", quality=95)
        count += 1
    part.rename(folder)
    return count


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


def _camera(take: Path, calibrations: Path | None) -> Fisheye | None:
    """A calibration in JSON, or out of the take's VRS file."""
    written = calibrations / f"{take.name}.json" if calibrations else None
    if written and written.exists():
        return _read(written)
    recordings = sorted(take.glob("*noimagestreams.vrs"))
    return _of_vrs(recordings[0]) if recordings else None


def _read(path: Path) -> Fisheye:
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


def _same_task(one: str, other: str) -> bool:
    """cmu_bike01_2 and cmu_bike02_5: the same university and task."""
    return _task(one) == _task(other)


def _task(name: str) -> str:
    return re.sub(r"\d+", "", "_".join(name.split("_")[:2]))
