"""From Aria's fisheye camera to a pinhole: where each pixel of the straight image lies in the recorded one.

Fisheye624 is the camera model of Aria's calibrations: an angle from the optical axis by a polynomial of six terms, then
tangential and thin-prism distortion of two and four. projectaria-tools is needed only to read a calibration out of a
VRS file; with it installed, a test compares both (tests/egoagent/data/test_fisheye.py).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

PARAMETERS = 15  # focal length, centre (x, y), six radial, two tangential, four thin-prism terms


@dataclass(frozen=True)
class Fisheye:
    parameters: tuple[float, ...]  # as projectaria-tools gives them, in pixels of an image of this size
    width: int
    height: int
    radius: float | None = None  # pixels from the centre that the lens reaches; farther out it is black

    @property
    def focal(self) -> float:
        return self.parameters[0]

    def shifted_and_scaled(self, shift: float, scale: float, width: int, height: int) -> "Fisheye":
        """The camera of an image that was cropped by `shift` on the left and above, and then scaled."""
        focal, x, y, *rest = self.parameters
        centre = ((at - shift + 0.5) * scale - 0.5 for at in (x, y))
        radius = self.radius * scale if self.radius else None
        return Fisheye((focal * scale, *centre, *rest), width, height, radius)

    def project(self, points: Tensor) -> Tensor:
        """Pixels [..., 2] of points [..., 3] in the frame of the camera; pixel centres are whole numbers."""
        focal, centre_x, centre_y = self.parameters[:3]
        radial, (p0, p1), (s0, s1, s2, s3) = self.parameters[3:9], self.parameters[9:11], self.parameters[11:15]
        ab = points[..., :2] / points[..., 2:]
        r = ab.norm(dim=-1, keepdim=True)
        theta = torch.atan(r)
        bent = theta * (1 + sum(k * theta ** (2 * power) for power, k in enumerate(radial, 1)))
        x, y = (ab * torch.where(r > 1e-9, bent / r.clamp_min(1e-9), torch.ones_like(r))).unbind(-1)
        rr = x * x + y * y
        u = x + 2 * x * (x * p0 + y * p1) + rr * p0 + s0 * rr + s1 * rr * rr
        v = y + 2 * y * (x * p0 + y * p1) + rr * p1 + s2 * rr + s3 * rr * rr
        return torch.stack([focal * u + centre_x, focal * v + centre_y], -1)


@dataclass(frozen=True)
class Undistort:
    """A grid for one camera, made once and used for every frame of a take."""

    grid: Tensor  # float32 [1, size, size, 2], as grid_sample wants it
    black: Tensor  # bool [size, size]: rays that the lens does not reach

    def __call__(self, image: Tensor) -> Tensor:
        """uint8 [3, height, width] -> uint8 [3, size, size]."""
        sampled = torch.nn.functional.grid_sample(image[None].float(), self.grid, "bilinear", align_corners=False)[0]
        sampled[:, self.black] = 0
        return sampled.round().clamp(0, 255).to(torch.uint8)


def undistort(camera: Fisheye, size: int, focal: float | None = None) -> Undistort:
    """A square pinhole with its centre in the middle; without `focal` it keeps the fisheye's, as EgoAgent does."""
    focal = focal or camera.focal
    middle = (size - 1) / 2
    y, x = torch.meshgrid(
        torch.arange(size, dtype=torch.float64), torch.arange(size, dtype=torch.float64), indexing="ij"
    )
    pixels = camera.project(torch.stack([(x - middle) / focal, (y - middle) / focal, torch.ones_like(x)], -1))
    centre = torch.tensor(camera.parameters[1:3], dtype=torch.float64)
    shape = torch.tensor([camera.width, camera.height], dtype=torch.float64)
    black = ((pixels < 0) | (pixels > shape - 1)).any(-1)
    if camera.radius:
        black |= (pixels - centre).norm(dim=-1) > camera.radius
    grid = (2 * pixels + 1) / shape - 1
    return Undistort(grid.float()[None], black)
