"""A take in the layouts of the real data, so that what reads Ego-Exo4D and WalkingTours reads this world.

    egoexo/takes.json                                                 uid and name of every take
    egoexo/annotations/ego_pose/SPLIT/body/automatic/UID.json         frame -> joints in the world, hidden ones left out
    egoexo/annotations/ego_pose/SPLIT/camera_pose/UID.json            frame -> extrinsic of the head camera
    egoexo/processed_data/NAME/aria01_214-1/frame_K.jpg               every fifth frame
    walking/NAME/frame_0000001.jpg                                    the images of a take of the training split again
    labels/room|held/SPLIT/CLASS/NAME_K.jpg                           images by the room they show, by the thing in hand
    truth/NAME.json                                                   rooms, what is held, announced and done

`labels` has the layout of ImageNet. The images outside `egoexo` are hard links where the file system has them.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np

from firsthand import files
from firsthand.toy.rounds.body import JOINTS, Motion, motion
from firsthand.toy.rounds.draw import jpeg
from firsthand.toy.rounds.plan import ACTIONS, POSES, Take
from firsthand.toy.week.world import ROOMS

POSE = "egoexo/annotations/ego_pose"
FRAMES = "egoexo/processed_data"
CAMERA = "aria01"
INTRINSICS = [[30.0, 0.0, 31.5], [0.0, 30.0, 31.5], [0.0, 0.0, 1.0]]  # of an image of 64 pixels


def write_take(out: Path, take: Take, colour: bool) -> None:
    """The truth comes last: a take that has it is finished."""
    moved = motion(take)
    files.write_json(out / POSE / take.split / "body/automatic" / f"{take.uid}.json", _body(moved), indent=None)
    files.write_json(out / POSE / take.split / "camera_pose" / f"{take.uid}.json", _camera(take, moved), indent=None)
    for at in range(len(take.rooms)):
        path = out / FRAMES / take.name / f"{CAMERA}_214-1" / f"frame_{at * POSES}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(take, at, colour))
        for label, value in (("room", ROOMS[take.rooms[at]]), ("held", take.held[at] or "nothing")):
            _link(path, out / "labels" / label / take.split / value / f"{take.name}_{at * POSES}.jpg")
        if take.split == "train":
            _link(path, out / "walking" / take.name / f"frame_{at + 1:07}.jpg")
    files.write_json(truth_path(out, take.name), truth(take), indent=None)


def truth_path(out: Path, name: str) -> Path:
    return out / "truth" / f"{name}.json"


def truth(take: Take) -> dict[str, Any]:
    """Rooms, things held and announcements are those of the images, actions those of the steps between them."""
    return {
        "take": take.name,
        "split": take.split,
        "wearer": take.wearer,
        "rooms": [ROOMS[room] for room in take.rooms],
        "held": list(take.held),
        "announced": [ACTIONS[action] for action in take.announced],
        "actions": [ACTIONS[action] for action in take.actions],
    }


def _body(moved: Motion) -> dict[str, Any]:
    return {
        str(frame): [{"annotation2D": {}, "annotation3D": _joints(moved.world[frame], moved.visible[frame])}]
        for frame in range(len(moved.world))
    }


def _joints(places: np.ndarray, visible: np.ndarray) -> dict[str, dict[str, float]]:
    return {
        joint: {"x": x, "y": y, "z": z, "num_views_for_3d": 4}
        for joint, (x, y, z), seen in zip(JOINTS, places.round(4).tolist(), visible, strict=True)
        if seen
    }


def _camera(take: Take, moved: Motion) -> dict[str, Any]:
    extrinsics = dict(enumerate(moved.extrinsics.round(6).tolist()))
    return {
        "metadata": {"take_name": take.name, "take_uid": take.uid},
        CAMERA: {"camera_intrinsics": INTRINSICS, "camera_extrinsics": extrinsics},
    }


def _link(path: Path, other: Path) -> None:
    other.parent.mkdir(parents=True, exist_ok=True)
    other.unlink(missing_ok=True)
    try:
        os.link(path, other)
    except OSError:  # another file system, or one without links
        other.write_bytes(path.read_bytes())
