"""Errors of predicted motion, in cm and cm/s, and what is predicted without a model.

A horizon is a pose of the coming action: with 30 poses a second and 5 an action, 33 to 167 ms after the last image. The
first action of a clip has no past and is left out for everybody.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

CM = 100.0
RIDGE = 0.3  # square metres, beside the sums of squares over all rows of a regression


@dataclass(frozen=True)
class Motion:
    """True motion of clips, [clips, T, poses, joints, 3] in metres, and which joints can be seen."""

    poses: Tensor
    visible: Tensor
    per_second: float

    @property
    def judged(self) -> Tensor:
        return self.poses[:, 1:]

    @property
    def known(self) -> Tensor:
        return self.visible[:, 1:]


@dataclass(frozen=True)
class Errors:
    position: Tensor  # MPJPE of each horizon, cm
    velocity: Tensor  # MPJVE of each horizon, cm/s
    clips: Tensor  # MPJPE of each clip, cm; NaN where no joint of a clip can be seen
    mean: float  # MPJPE over all visible joints, cm
    mean_velocity: float


def errors(predicted: Tensor, motion: Motion) -> Errors:
    """Of predictions [clips, T - 1, poses, joints, 3] of all actions but the first."""
    distance = CM * (predicted - motion.judged).norm(dim=-1)
    speed = CM * motion.per_second * (_moves(predicted, motion) - _moves(motion.judged, motion)).norm(dim=-1)
    both = motion.known & _before(motion.visible[..., None], motion.known[..., None])[..., 0]
    per_clip = (distance * motion.known).sum((1, 2, 3)) / motion.known.sum((1, 2, 3))
    return Errors(
        _mean(distance, motion.known, (0, 1, 3)),
        _mean(speed, both, (0, 1, 3)),
        per_clip,
        float(_mean(distance, motion.known, (0, 1, 2, 3))),
        float(_mean(speed, both, (0, 1, 2, 3))),
    )


def _mean(values: Tensor, counted: Tensor, over: tuple[int, ...]) -> Tensor:
    return (values * counted).sum(over) / counted.sum(over).clamp(min=1)


def _moves(poses: Tensor, motion: Motion) -> Tensor:
    """What each pose moves by since the one before it; before the first of an action is the last true one."""
    return poses - _before(motion.poses, poses)


def _before(truth: Tensor, poses: Tensor) -> Tensor:
    """The pose before each one: within an action its own, before that the last true pose."""
    return torch.cat([truth[:, :-1, -1:], poses[:, :, :-1]], 2)


# -- without a model ---------------------------------------------------------------------------------------------------


def mean_pose(poses: Tensor, visible: Tensor) -> Tensor:
    """[joints, 3] over all visible joints of the training clips."""
    over = tuple(range(poses.dim() - 2))
    count = visible.sum(over).clamp(min=1)
    return (poses * visible[..., None]).sum(over) / count[:, None]


def filled(motion: Motion, mean: Tensor) -> Tensor:
    """The true poses with a joint that is hidden where it was seen last, or at its mean: what a baseline can know."""
    flat = motion.poses.flatten(1, 2).clone()
    seen = motion.visible.flatten(1, 2)
    last = mean.expand_as(flat[:, 0])
    for pose in range(flat.shape[1]):
        last = torch.where(seen[:, pose, :, None], flat[:, pose], last)
        flat[:, pose] = last
    return flat.reshape(motion.poses.shape)


def trivial(motion: Motion, mean: Tensor, autoregressive: bool = False) -> dict[str, Tensor]:
    """Name -> predictions. Autoregressively only the first action is known, else every one but the coming."""
    known = filled(motion, mean)
    steps, poses = motion.judged.shape[1:3]
    last, move = known[:, :, -1:], known[:, :, -1:] - known[:, :, -2:-1]
    ahead = torch.arange(1, poses + 1).reshape(-1, 1, 1)
    if autoregressive:
        last, move = (one[:, :1].expand(-1, steps, -1, -1, -1) for one in (last, move))
        ahead = ahead + poses * torch.arange(steps).reshape(-1, 1, 1, 1)
    else:
        last, move = last[:, :-1], move[:, :-1]
    return {
        "copy last": last.expand_as(motion.judged),
        "constant velocity": last + move * ahead,
        "mean pose": mean.expand_as(motion.judged),
    }


def by_class(poses: Tensor, visible: Tensor, classes: Tensor, count: int) -> Tensor:
    """The median chunk of poses of each class, [count, poses, joints, 3], over the actions [clips, T] of this class; of
    all actions for a class that has none."""
    hidden = poses.masked_fill(~visible[..., None], float("nan"))
    chosen = [hidden[(classes == one) | (not (classes == one).any())] for one in range(count)]
    return torch.stack([one.nanmedian(0).values for one in chosen]).nan_to_num()


def from_last_pose(train: Motion, of_train: Tensor, test: Motion, of_test: Tensor, mean: Tensor) -> Tensor:
    """Ridge regression of a chunk of poses on the true pose before it, one for each class of actions [clips, T]."""
    known, asked = (_last_pose(one, mean) for one in (train, test))
    chunks, predicted = filled(train, mean)[:, 1:].flatten(2), torch.zeros_like(test.judged)
    for one in of_test[:, 1:].unique():
        mine, wanted = of_train[:, 1:] == one, of_test[:, 1:] == one
        rows = known[mine | ~mine.any()]
        square = rows.T @ rows + RIDGE * torch.eye(rows.shape[1])
        weights = torch.linalg.solve(square, rows.T @ chunks[mine | ~mine.any()])
        predicted[wanted] = (asked[wanted] @ weights).reshape(-1, *predicted.shape[2:])
    return predicted


def _last_pose(motion: Motion, mean: Tensor) -> Tensor:
    """[clips, T - 1, numbers of the pose before each action that is judged, and a 1]."""
    last = filled(motion, mean)[:, :-1, -1].flatten(2)
    return torch.cat([last, torch.ones_like(last[..., :1])], -1)
