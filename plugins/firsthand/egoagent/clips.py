"""A batch of clips: what stage 2 trains on and what every evaluation reads.

A clip has T + 1 images and T actions. Action t is the chunk of poses between image t and image t + 1, so whoever knows
the images up to t and the actions up to t predicts image t + 1.
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Clips:
    images: Tensor  # uint8 [clips, T + 1, 3, height, width]
    poses: Tensor  # float32 [clips, T, poses, joints, 3]: metres in the frame of the head camera; 0 where hidden
    visible: Tensor  # bool [clips, T, poses, joints]
