"""The wearer's 17 joints in the world, and where the head camera is: as Ego-Exo4D writes them.

In a turn the head leads and the body follows, so in the frame of the head camera everything below the neck swings to
the other side and back. A tilted head tilts the body in the same way, and the image with it. Axes of the camera: x to
the right, y down, z ahead; of the world: z up; metres.
"""

from dataclasses import dataclass

import numpy as np

from firsthand.media.names import PEOPLE
from firsthand.toy.rounds.plan import POSES, REACH, TURNS, Take

JOINTS = (
    "nose", "left-eye", "right-eye", "left-ear", "right-ear", "left-shoulder", "right-shoulder", "left-elbow",
    "right-elbow", "left-wrist", "right-wrist", "left-hip", "right-hip", "left-knee", "right-knee", "left-ankle",
    "right-ankle",
)  # fmt: skip
HEAD = 5  # the first joints belong to the head
SCALE = dict(zip(PEOPLE, (0.96, 1.04, 0.98, 1.02, 0.97, 1.03), strict=True))
ROOM = np.pi / 3  # radians from one room to the next
NECK, HEIGHT = 0.10, 1.62  # metres of the camera before the neck's axis, and above the floor
HEAD_AT = (0.50, 0.80, 0.95, 1.00, 1.00)  # share of a turn that the head has made at each pose of a step
BODY_AT = (0.00, 0.15, 0.30, 0.55, 1.00)
STRETCHED = (0.4, 0.8, 1.0, 0.6, 0.0)  # how far the arm is out when it reaches
LIFTED = (0.6, 1.0, 1.0, 0.6, 0.0)  # how high a foot can be while the body turns
LIFT, NOISE, HIDDEN = 0.12, 0.004, 0.05  # metres, metres, share of joints

# right half of a standing body, seen from the camera: x, y, z in metres
_RIGHT = {
    "eye": (0.03, 0.01, -0.02), "ear": (0.075, 0.03, -0.10), "shoulder": (0.18, 0.25, -0.10),
    "elbow": (0.24, 0.50, -0.04), "wrist": (0.17, 0.55, 0.20), "hip": (0.11, 0.75, -0.10),
    "knee": (0.12, 1.16, -0.05), "ankle": (0.12, 1.56, -0.12),
}  # fmt: skip


@dataclass(frozen=True)
class Motion:
    world: np.ndarray  # float64 [frames, 17, 3]
    visible: np.ndarray  # bool [frames, 17]
    extrinsics: np.ndarray  # float64 [frames, 3, 4]: world to camera


def motion(take: Take) -> Motion:
    rng = np.random.default_rng(take.motion_seed)
    turned = np.cumsum([0, *(TURNS[action] for action in take.actions)]) * ROOM
    head, body = (_along(turned, profile) for profile in (HEAD_AT, BODY_AT))
    scale = SCALE[take.wearer]
    rotation = _camera(head, _along(np.array(take.roll), (0.2, 0.4, 0.6, 0.8, 1.0)))
    neck = np.array([0, 0, HEIGHT * scale])
    ahead = np.stack([np.sin(head), np.cos(head), np.zeros_like(head)], -1)
    translation = -np.einsum("fij,fj->fi", rotation, neck + NECK * scale * ahead)
    local = _bodies(take, rng) * scale
    below = local[:, HEAD:] + [0, 0, NECK * scale]
    world = np.concatenate(
        [
            np.einsum("fji,fkj->fki", rotation, local[:, :HEAD] - translation[:, None]),
            np.einsum("fji,fkj->fki", _camera(body, np.zeros_like(body)), below) + neck,
        ],
        axis=1,
    )
    world += rng.normal(0, NOISE, world.shape)
    return Motion(world, rng.random(world.shape[:2]) >= HIDDEN, np.dstack([rotation, translation]))


def _along(at_images: np.ndarray, profile: tuple[float, ...]) -> np.ndarray:
    """A value for each frame, from those at the images and the way it takes between two of them."""
    steps = at_images[:-1, None] + np.diff(at_images)[:, None] * np.array(profile)
    return np.concatenate([at_images[:1], steps.ravel()])


def _camera(yaw: np.ndarray, roll: np.ndarray) -> np.ndarray:
    """Rotations from the world to a camera that looks along `yaw` and sees everything turned by `roll`."""
    zero, sin, cos = np.zeros_like(yaw), np.sin(yaw), np.cos(yaw)
    right, down, ahead = (cos, -sin, zero), (zero, zero, zero - 1), (sin, cos, zero)
    level = np.stack([np.stack(axis, -1) for axis in (right, down, ahead)], 1)
    sin, cos = np.sin(roll), np.cos(roll)
    turn = np.stack([np.stack(row, -1) for row in ((cos, -sin, zero), (sin, cos, zero), (zero, zero, zero + 1))], 1)
    return turn @ level


def _bodies(take: Take, rng: np.random.Generator) -> np.ndarray:
    """Joints of every frame from a camera that looks where the body does: gait and reach, before size and turns."""
    bodies = np.repeat(_standing()[None], take.frames, 0)
    for step, action in enumerate(take.actions):
        frames = slice(step * POSES + 1, (step + 1) * POSES + 1)
        if action == REACH:
            for joint, way in (("right-wrist", (-0.08, -0.06, 0.25)), ("right-elbow", (-0.02, -0.05, 0.15))):
                bodies[frames, JOINTS.index(joint)] += np.outer(STRETCHED, way)
        else:
            phase = rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(POSES) / POSES
            for side, sign in (("left", 1), ("right", -1)):
                lift = LIFT * np.clip(sign * np.sin(phase), 0, None) * LIFTED
                bodies[frames, JOINTS.index(f"{side}-ankle"), 1] -= lift
                bodies[frames, JOINTS.index(f"{side}-knee"), 1] -= 0.5 * lift
                bodies[frames, JOINTS.index(f"{side}-knee"), 2] += 0.5 * lift
    return bodies


def _standing() -> np.ndarray:
    places = {"nose": (0.0, 0.04, 0.0)}
    for part, (x, y, z) in _RIGHT.items():
        places |= {f"left-{part}": (-x, y, z), f"right-{part}": (x, y, z)}
    return np.array([places[joint] for joint in JOINTS])
