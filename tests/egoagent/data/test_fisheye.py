"""Undistortion: by hand where the model is simple, and against projectaria-tools where it is installed."""

import math

import numpy as np
import pytest
import torch

from firsthand.egoagent.data.fisheye import Fisheye, undistort

# focal length and centre of a 448-pixel image, and bends as large as those of a real lens
BENT = (190.0, 224.5, 222.0, 0.35, -0.3, 0.2, 0.9, -1.2, 0.4, 6e-4, -4e-4, 8e-4, -3e-5, 4e-4, 2e-5)
STRAIGHT = (100.0, 31.5, 31.5, *[0.0] * 12)


def test_without_bends_the_angle_is_the_distance_from_the_centre() -> None:
    """Equidistant: a ray 45 degrees to the right of the axis is 100 * pi / 4 pixels beside the centre."""
    points = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 2.0], [0.0, -3.0, 3.0]], dtype=torch.float64)
    quarter = 100 * math.pi / 4
    expected = [[31.5 + quarter, 31.5], [31.5, 31.5], [31.5, 31.5 - quarter]]
    assert torch.allclose(Fisheye(STRAIGHT, 64, 64).project(points), torch.tensor(expected, dtype=torch.float64))


def test_each_bend_moves_a_point_by_what_its_formula_says() -> None:
    """At 45 degrees to the right: theta = pi/4, x = theta (1 + k0 theta^2), y = 0, so rr = x^2."""
    point = torch.tensor([[1.0, 0.0, 1.0]], dtype=torch.float64)
    theta = math.pi / 4
    x = theta * (1 + 0.1 * theta**2)
    parameters = (1.0, 0.0, 0.0, 0.1, 0, 0, 0, 0, 0, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07)
    u = x + 2 * x * x * 0.02 + x**2 * 0.02 + 0.04 * x**2 + 0.05 * x**4
    v = x**2 * 0.03 + 0.06 * x**2 + 0.07 * x**4
    assert Fisheye(parameters, 8, 8).project(point)[0].tolist() == pytest.approx([u, v])


def test_a_line_that_the_lens_bent_is_straight_again() -> None:
    """A vertical wall edge 0.4 beside the axis at distance 1: painted where the lens sees it, found in one column."""
    camera = Fisheye(BENT, 448, 448)
    heights = torch.linspace(-1, 1, 4000, dtype=torch.float64)
    edge = (
        camera.project(torch.stack([torch.full_like(heights, 0.4), heights, torch.ones_like(heights)], -1))
        .round()
        .long()
    )
    image = torch.zeros(3, 448, 448, dtype=torch.uint8)
    for dx in (-1, 0, 1):
        image[:, edge[:, 1], edge[:, 0] + dx] = 255
    straight = undistort(camera, 448)(image)[0].float()
    rows = slice(60, 390)
    columns = (straight[rows] * torch.arange(448)).sum(1) / straight[rows].sum(1)
    assert columns.std() < 0.5 and columns.mean() == pytest.approx(223.5 + 0.4 * 190, abs=0.5)


def test_what_the_lens_does_not_reach_is_black() -> None:
    straight = undistort(Fisheye(STRAIGHT, 64, 64, radius=20), 64)(torch.full((3, 64, 64), 200, dtype=torch.uint8))
    assert straight[:, 32, 32].tolist() == [200, 200, 200] and not straight[:, 0, 0].any()


def test_a_crop_of_32_then_half_is_the_1408_image_of_a_2880_calibration() -> None:
    camera = Fisheye((1221.64, 1439.5, 1439.5, *[0.0] * 12), 2880, 2880).shifted_and_scaled(32, 0.5, 1408, 1408)
    camera = camera.shifted_and_scaled(0, 448 / 1408, 448, 448)
    assert camera.focal == pytest.approx(194.35, abs=0.01)
    assert camera.parameters[1] == pytest.approx(223.5, abs=0.01)


def test_equal_to_projectaria_tools() -> None:
    calibration = pytest.importorskip("projectaria_tools.core.calibration", reason="the extra `aria` is not installed")
    from projectaria_tools.core.image import InterpolationMethod
    from projectaria_tools.core.sophus import SE3

    model, parameters = calibration.FISHEYE624, np.array(BENT)
    source = calibration.CameraCalibration("camera-rgb", model, parameters, SE3(), 448, 448, None, math.pi, "")
    camera = Fisheye(BENT, 448, 448)
    point = np.array([0.7, -0.4, 1.3])
    assert camera.project(torch.tensor(point)).tolist() == pytest.approx(
        source.project_no_checks(point).tolist(), abs=1e-9
    )
    target = calibration.get_linear_camera_calibration(448, 448, camera.focal)
    image = np.random.default_rng(0).integers(0, 256, (448, 448, 3), np.uint8)
    theirs = calibration.distort_by_calibration(image, target, source, InterpolationMethod.BILINEAR)
    ours = undistort(camera, 448)(torch.from_numpy(image).permute(2, 0, 1)).permute(1, 2, 0).numpy()
    inside = theirs.any(-1) & ours.any(-1)
    assert inside.mean() > 0.8
    assert np.abs(theirs.astype(int) - ours)[inside].max() <= 1
    small = source.rescale(np.array([224, 224]), 0.5, np.array([0.0, 0.0]))
    assert camera.shifted_and_scaled(0, 0.5, 224, 224).parameters == pytest.approx(
        small.get_projection_params().tolist()
    )
