"""Views are a function of seed and draw, one by one, and the geometry and colours are what the options say."""

import pytest
import torch

from firsthand.egoagent.clips import Clips
from firsthand.egoagent.model.config import DEVIATION
from firsthand.egoagent.model.model import normalised, standard
from firsthand.egoagent.training import augment
from firsthand.egoagent.training.augment import lit, views_of
from firsthand.egoagent.training.settings import Views

FULL = Views(global_size=32, local_size=16, locals=2)
PLAIN = Views(
    global_size=32, global_scale=(1, 1), locals=0, first_crop=None, flip=0, jitter=0, grey=0, blur=(0, 0, 0), solarize=0
)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randint(0, 255, (3, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


def square(monkeypatch) -> None:
    """Crops with the sides of the image: the number of the aspect is in the middle."""
    real = augment.uniform

    def middle(draws, seed, views):
        numbers = real(draws, seed, views)
        numbers[..., 1] = 0.5
        return numbers

    monkeypatch.setattr(augment, "uniform", middle)


def test_a_sample_has_the_same_views_in_any_batch_and_others_under_another_draw(images) -> None:
    large, small = views_of(images, torch.tensor([7, 8, 9]), FULL, seed=0)
    alone, alone_small = views_of(images[1:2], torch.tensor([8]), FULL, seed=0)
    assert large.shape == (2, 3, 3, 32, 32) and small.shape == (2, 3, 3, 16, 16)
    assert torch.allclose(large[:, 1:2], alone, atol=1e-5) and torch.allclose(small[:, 1:2], alone_small, atol=1e-5)
    for draws, seed in (([7, 10, 9], 0), ([7, 8, 9], 1)):
        other, _ = views_of(images, torch.tensor(draws), FULL, seed)
        assert not torch.allclose(other[:, 1], large[:, 1], atol=0.1)
    assert not torch.allclose(large[0], large[1], atol=0.1)


def test_without_anything_random_a_view_is_the_image(images, monkeypatch) -> None:
    square(monkeypatch)
    large, small = views_of(images, torch.arange(3), PLAIN, seed=0)
    assert torch.allclose(large[0], normalised(images), atol=1e-4) and not small.numel()
    flipped, _ = views_of(images, torch.arange(3), PLAIN.model_copy(update={"flip": 1}), seed=0)
    assert torch.allclose(flipped[0], normalised(images.flip(-1)), atol=1e-4)


def test_a_crop_is_a_part_of_the_image(monkeypatch) -> None:
    """Of an image whose red is its column and whose green is its row, a crop of a quarter has half of each."""
    square(monkeypatch)
    ramp = torch.arange(0, 256, 8, dtype=torch.uint8)
    image = torch.stack([ramp.expand(32, 32), ramp[:, None].expand(32, 32), torch.zeros(32, 32, dtype=torch.uint8)])[
        None
    ]
    given = PLAIN.model_copy(update={"global_scale": (0.25, 0.25)})
    views, _ = views_of(image.repeat(20, 1, 1, 1), torch.arange(20), given, seed=0)
    pixels = (
        views[0] * torch.tensor([0.229, 0.224, 0.225])[:, None, None]
        + torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    )
    for channel in (0, 1):
        widths = (pixels[:, channel].amax((1, 2)) - pixels[:, channel].amin((1, 2))) * 255
        assert (widths - 124).abs().max() < 6  # 31 steps of 8, halved
    corners = pixels[:, 0].amin((1, 2))
    assert corners.min() < 0.1 and corners.max() > 0.35, "crops lie everywhere"


def test_grey_takes_colour_and_keeps_light(images) -> None:
    view, _ = views_of(images, torch.arange(3), PLAIN.model_copy(update={"grey": 1}), seed=0)
    pixels = (
        view[0] * torch.tensor([0.229, 0.224, 0.225])[:, None, None]
        + torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    )
    assert torch.allclose(pixels[:, 0], pixels[:, 1], atol=1e-5) and torch.allclose(
        pixels[:, 1], pixels[:, 2], atol=1e-5
    )


def test_light_is_added_and_nothing_is_cut_off(images) -> None:
    """As far as 0.4 of the way from black to white, one number for all pixels of a view; no view tells by its white
    parts how bright its image was."""
    given = PLAIN.model_copy(
        update={"jitter": 1, "light": 0.4, "brightness": 0, "contrast": 0, "saturation": 0, "hue": 0}
    )
    plain, lit_ones = (views_of(images.repeat(20, 1, 1, 1), torch.arange(60), one, 0)[0][0] for one in (PLAIN, given))
    added = (lit_ones - plain) * torch.tensor(DEVIATION)[:, None, None]
    assert torch.allclose(added, added[:, :1, :1, :1].expand_as(added), atol=1e-5)
    assert added.abs().max() <= 0.4 and added.min() < -0.3 and added.max() > 0.3


def test_a_turn_of_hue_by_a_third_swaps_the_colours_and_keeps_grey() -> None:
    turn = augment._turned(torch.tensor([2 * torch.pi / 3]))[0]
    assert torch.allclose(turn @ torch.eye(3), torch.eye(3).roll(1, 0), atol=1e-6)
    assert torch.allclose(turn @ torch.ones(3), torch.ones(3), atol=1e-6)


def test_blur_spreads_a_point_and_keeps_its_sum() -> None:
    image = torch.zeros(1, 3, 32, 32)
    image[..., 16, 16] = 1
    blurred = augment._blurred(image, torch.tensor([[1.0, 0.0]]), often=1)
    assert torch.allclose(blurred.sum((2, 3)), torch.ones(1, 3), atol=1e-5) and blurred.max() < 0.1
    assert torch.equal(augment._blurred(image, torch.tensor([[1.0, 0.9]]), often=0.5), image)


def test_a_clip_is_lit_as_a_whole_and_never_cropped() -> None:
    images = torch.full((2, 3, 3, 4, 4), 100, dtype=torch.uint8)
    found = lit(Clips(images, torch.zeros(0), torch.zeros(0)), torch.tensor([1, 2]), FULL, seed=0)
    gains = found[:, :, 0] * 0.229 + 0.485
    assert (gains.amax((1, 2, 3)) - gains.amin((1, 2, 3))).max() < 1e-6 and (gains[0] - gains[1]).abs().min() > 1e-3
    assert ((gains / (100 / 255) - 1).abs() <= 0.2 + 1e-6).all()
    none = lit(
        Clips(images, torch.zeros(0), torch.zeros(0)),
        torch.tensor([1, 2]),
        PLAIN.model_copy(update={"clip_gain": 0}),
        0,
    )
    assert torch.allclose(none, standard(images / 255))
