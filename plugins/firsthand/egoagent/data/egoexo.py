"""Ego-Exo4D as its owners lay it out: which takes there are, and the body of a take in the frame of the head camera.

    takes.json                                                    uid and name of every take, if it is there
    annotations/ego_pose/SPLIT/body/automatic|annotation/UID.json frame -> joints in the world; a hidden joint is absent
    annotations/ego_pose/SPLIT/camera_pose/UID.json               frame -> extrinsic of the head camera
    processed_data/NAME/aria01_214-1/frame_K.jpg                  straightened images, K not zero-padded

Poses belong to a uid, images to a name, and only the camera file knows both. A take whose files do not belong together
is an error, for it would teach the motion of one person to the eyes of another.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from firsthand import files
from firsthand.errors import UserError

_SIDED = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
JOINTS = ("nose", *(f"{side}-{part}" for part in _SIDED for side in ("left", "right")))  # the 17 of COCO, in its order
HEAD = slice(0, 5)
FARTHEST = 0.6  # metres from the camera to the joints of the head that wears it, in most frames
EXCLUDED = "bouldering"  # takes with this in their name are left out, as EgoAgent and the owners' baseline do
POSE = "annotations/ego_pose"
Source = Literal["automatic", "annotation"]
_FRAME = re.compile(r"frame_(\d+)\.jpg")


@dataclass(frozen=True)
class Dropped:
    what: str
    why: str


@dataclass(frozen=True)
class TakeFiles:
    uid: str
    name: str
    body: Path
    camera: Path
    images: Path


@dataclass(frozen=True)
class Body:
    """Poses of a take; frames without one are absent."""

    frames: np.ndarray  # int64 [n], rising
    places: np.ndarray  # float32 [n, 17, 3]: metres in the frame of the head camera, 0 where hidden
    visible: np.ndarray  # bool [n, 17]

    @property
    def gap(self) -> int:
        """Frames from one pose to the next, as most of this take has it: the rate is not promised anywhere."""
        gaps, counts = np.unique(np.diff(self.frames), return_counts=True)
        return int(gaps[counts.argmax()]) if len(gaps) else 1

    @cached_property
    def at(self) -> dict[int, int]:
        return {int(frame): row for row, frame in enumerate(self.frames)}


@dataclass(frozen=True)
class Release:
    """Body files of a split, and what `takes.json` says of names. Nothing large is read yet."""

    root: Path
    split: str
    bodies: list[Path]
    names: dict[str, str]  # uid -> name

    def take(self, body: Path) -> TakeFiles | Dropped:
        uid, camera = body.stem, self.root / POSE / self.split / "camera_pose" / body.name
        if not camera.is_file():
            return Dropped(uid, "no camera_pose file")
        name = _name(camera, uid, self.names)
        if EXCLUDED in name.lower():
            return Dropped(name, f"{EXCLUDED} in its name")
        images = sorted((self.root / "processed_data" / name).glob("*_214-1"))
        if len(images) != 1:
            return Dropped(name, f"{len(images)} folders of images in processed_data/{name}, not one")
        return TakeFiles(uid, name, body, camera, images[0])


def open_release(root: Path, split: str, source: Source = "automatic") -> Release:
    folder = root / POSE / split / "body" / source
    if not folder.is_dir():
        raise UserError(
            f"{folder}: no such folder; {root} should be a folder of Ego-Exo4D with body poses of {split!r}"
        )
    return Release(root, split, sorted(folder.glob("*.json")), _names(root / "takes.json"))


def _names(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    rows = files.read_json(path)
    try:
        return {row["take_uid"]: row["take_name"] for row in rows}
    except (TypeError, KeyError):
        raise UserError(f"{path}: not a list of takes with take_uid and take_name") from None


def _name(camera: Path, uid: str, names: dict[str, str]) -> str:
    said = _camera_file(camera)["metadata"]
    if said.get("take_uid", uid) != uid:
        raise UserError(f"{camera}: its metadata say take_uid {said['take_uid']}; the file belongs to another take")
    name = said.get("take_name")
    if not isinstance(name, str) or not name or "/" in name:
        raise UserError(f"{camera}: metadata.take_name is {name!r}, not the name of a take")
    if names.get(uid, name) != name:
        raise UserError(f"{camera}: its metadata say {name}, takes.json says {names[uid]}; one belongs to another take")
    return name


def _camera_file(path: Path) -> dict[str, Any]:
    content = files.read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("metadata"), dict):
        raise UserError(f"{path}: no metadata; not a camera_pose file of Ego-Exo4D")
    return content


def image_frames(folder: Path) -> dict[int, Path]:
    """Frame number -> file, by number: names are not zero-padded, so their order is not that of time."""
    named = ((_FRAME.fullmatch(path.name), path) for path in folder.iterdir())
    return dict(sorted((int(match[1]), path) for match, path in named if match))


def read_body(take: TakeFiles) -> Body:
    extrinsics = _extrinsics(take)
    frames, world, visible = [], [], []
    for frame, people in sorted(_frames(take.body), key=lambda one: one[0]):
        if frame in extrinsics and people:  # a frame without a camera has no pose in its frame
            places, seen = _joints(take.body, frame, people[0])
            frames.append(frame)
            world.append(places)
            visible.append(seen)
    if not frames:
        raise UserError(f"{take.body}: no frame has both a pose and, in {take.camera.name}, an extrinsic of the camera")
    cameras = np.stack([extrinsics[frame] for frame in frames])
    placed = np.einsum("fij,fkj->fki", cameras[..., :3], np.array(world)) + cameras[:, None, :, 3]
    body = Body(np.array(frames), (placed * np.array(visible)[..., None]).astype(np.float32), np.array(visible))
    _check_pairing(take, body)
    return body


def _frames(path: Path) -> list[tuple[int, list[dict[str, Any]]]]:
    content = files.read_json(path)
    try:
        return [(int(frame), people) for frame, people in content.items()]
    except (AttributeError, ValueError):
        raise UserError(f"{path}: not a body file of Ego-Exo4D: frame numbers with lists of people") from None


def _joints(path: Path, frame: int, person: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    places, seen = np.zeros((len(JOINTS), 3)), np.zeros(len(JOINTS), bool)
    try:
        annotated = person["annotation3D"]
        for row, joint in enumerate(JOINTS):
            if joint in annotated:
                places[row] = [annotated[joint][axis] for axis in "xyz"]
                seen[row] = True
    except (TypeError, KeyError, ValueError):
        raise UserError(f"{path}: frame {frame}: not joints with x, y and z under annotation3D") from None
    if not np.isfinite(places).all():
        raise UserError(f"{path}: frame {frame}: a coordinate is not a number")
    return places, seen


def _extrinsics(take: TakeFiles) -> dict[int, np.ndarray]:
    """Of the camera that the images are of: `aria01` of `aria01_214-1`."""
    path, camera = take.camera, take.images.name.partition("_")[0]
    try:
        listed = _camera_file(path)[camera]["camera_extrinsics"]
        found = {int(frame): np.array(matrix, float)[:3] for frame, matrix in listed.items()}
        wrong = [frame for frame, matrix in found.items() if matrix.shape != (3, 4)]
    except (TypeError, KeyError, ValueError, AttributeError):
        raise UserError(f"{path}: {camera}.camera_extrinsics is not frame numbers with 3 x 4 matrices") from None
    if wrong:
        raise UserError(f"{path}: the extrinsic of frame {wrong[0]} is not 3 x 4")
    return found


def _check_pairing(take: TakeFiles, body: Body) -> None:
    seen = body.visible[:, HEAD]
    if seen.any():
        away = float(np.median(np.linalg.norm(body.places[:, HEAD], axis=-1)[seen]))
        if away > FARTHEST:
            raise UserError(
                f"{take.body}: the head is {away:.1f} m from the camera that it wears ({take.camera}); "
                "body and camera are of different takes"
            )
