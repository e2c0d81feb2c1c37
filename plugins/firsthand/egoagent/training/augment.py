"""Views of images, made on the device. Everything random about a sample comes from (seed, draw), so a resumed run and
another number of workers or ranks see the same pixels."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from firsthand.egoagent.clips import Clips
from firsthand.egoagent.model.model import standard
from firsthand.egoagent.training.settings import Views

NUMBERS = 20  # uniform numbers that one view may need
GREY = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class ClipBatch:
    """Clips as the model reads them."""

    images: Tensor  # normalised
    poses: Tensor
    visible: Tensor
    expected_visible: Tensor  # visible joints of a micro-batch, the mean over all of the step


def views_of(images: Tensor, draws: Tensor, given: Views, seed: int) -> tuple[Tensor, Tensor]:
    """uint8 [B, 3, H, W] -> normalised [globals, B, 3, size, size] and [locals, B, 3, size, size]."""
    numbers = uniform(draws, seed, given.globals + given.locals + 1).to(images.device)
    pixels = images.float() / 255
    first = _box(numbers[0], given.first_crop or (1.0, 1.0))
    large = [_view(pixels, first, numbers[1 + i], given, True, i) for i in range(given.globals)]
    small = [_view(pixels, first, numbers[1 + given.globals + i], given, False, i) for i in range(given.locals)]
    return torch.stack(large), torch.stack(small) if small else pixels.new_zeros(0)


def lit(clips: Clips, draws: Tensor, given: Views, seed: int) -> Tensor:
    """The images of clips, each clip brighter or darker as a whole."""
    gain = 1 + given.clip_gain * (2 * uniform(draws, seed, 1)[0, :, 0] - 1)
    return standard((clips.images * (gain / 255).to(clips.images.device)[:, None, None, None, None]).clamp_(0, 1))


def uniform(draws: Tensor, seed: int, views: int) -> Tensor:
    """[views, samples, NUMBERS]; the generator of a sample knows nothing but the seed and its draw."""
    rows = [np.random.default_rng([seed, draw]).random((views, NUMBERS), np.float32) for draw in draws.tolist()]
    return torch.from_numpy(np.stack(rows, 1))


def _box(numbers: Tensor, scale: tuple[float, float]) -> Tensor:
    """Left, top, width, height of a crop, as shares of the image; sides are between 3:4 and 4:3."""
    area = scale[0] + (scale[1] - scale[0]) * numbers[:, 0]
    aspect = torch.exp(math.log(4 / 3) * (2 * numbers[:, 1] - 1))
    width, height = ((area * aspect).sqrt().clamp(max=1), (area / aspect).sqrt().clamp(max=1))
    return torch.stack([numbers[:, 2] * (1 - width), numbers[:, 3] * (1 - height), width, height], 1)


def _view(pixels: Tensor, first: Tensor, numbers: Tensor, given: Views, is_global: bool, index: int) -> Tensor:
    size = given.global_size if is_global else given.local_size
    box = _box(numbers, given.global_scale if is_global else given.local_scale)
    corner = first[:, :2] + box[:, :2] * first[:, 2:]
    sides = box[:, 2:] * first[:, 2:]
    mirrored = torch.where(numbers[:, 4] < given.flip, -1.0, 1.0)
    view = _coloured(_cut(pixels, corner, sides, mirrored, size), numbers[:, [*range(5, 11), 14]], given)
    often = given.blur[2] if not is_global else given.blur[min(index, 1)]
    view = _blurred(view, numbers[:, 11:13], often)
    if is_global and index == 1 and given.solarize:
        chosen = (numbers[:, 13] < given.solarize)[:, None, None, None]
        view = torch.where(chosen & (view >= 0.5), 1 - view, view)
    return standard(view)


def _cut(pixels: Tensor, corner: Tensor, sides: Tensor, mirrored: Tensor, size: int) -> Tensor:
    """The grid by hand: nothing is turned, so columns do not depend on rows."""
    middle = 2 * (corner + sides / 2) - 1
    place = (2 * torch.arange(size, device=pixels.device) + 1) / size - 1
    column = (sides[:, :1] * mirrored[:, None] * place + middle[:, :1])[:, None].expand(-1, size, -1)
    row = (sides[:, 1:] * place + middle[:, 1:])[:, :, None].expand(-1, -1, size)
    grid = torch.stack([column, row], -1)
    return functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)


def _coloured(view: Tensor, numbers: Tensor, given: Views) -> Tensor:
    """Hue, saturation, brightness, contrast and light are one matrix and one offset per sample. Nothing is cut off at
    black or white: how much of a view is cut off would tell how bright its image was."""
    weights = torch.tensor(GREY, device=view.device)
    drawn = numbers[:, 4] < given.jitter
    strengths = torch.tensor([given.brightness, given.contrast, given.saturation], device=view.device)
    bright, contrast, saturation = torch.where(drawn[:, None], 1 + strengths * (2 * numbers[:, :3] - 1), 1.0).unbind(1)
    angle = torch.where(drawn, 2 * math.pi * given.hue * (2 * numbers[:, 3] - 1), 0.0)
    saturation = torch.where(numbers[:, 5] < given.grey, 0.0, saturation)
    matrix = bright[:, None, None] * _saturated(weights, saturation) @ _turned(angle)
    view = torch.einsum("bij,bjhw->bihw", matrix, view)
    mean = torch.einsum("i,bihw->b", weights, view)[:, None, None, None] / view[0, 0].numel()
    light = torch.where(drawn, given.light * (2 * numbers[:, 6] - 1), 0.0)[:, None, None, None]
    return (view - mean) * contrast[:, None, None, None] + mean + light


def _saturated(weights: Tensor, saturation: Tensor) -> Tensor:
    grey = weights.expand(3, 3)
    return grey + saturation[:, None, None] * (torch.eye(3, device=weights.device) - grey)


def _turned(angle: Tensor) -> Tensor:
    """A rotation of colours around the axis of greys."""
    cos, sin = angle.cos(), angle.sin()
    along, across = (1 - cos) / 3, sin / math.sqrt(3)
    rows = [cos + along, along - across, along + across]
    return torch.stack([torch.stack(rows[-i:] + rows[:-i], 1) for i in range(3)], 1)


def _blurred(view: Tensor, numbers: Tensor, often: float) -> Tensor:
    """A Gaussian of sigma 0.1 to 2 pixels, another one for each sample."""
    if not often:
        return view
    sigma = 0.1 + 1.9 * numbers[:, 0]
    place = torch.arange(-4, 5, device=view.device)
    kernel = torch.exp(-0.5 * (place / sigma[:, None]) ** 2)
    kernel = kernel / kernel.sum(1, keepdim=True)
    kernel = torch.where((numbers[:, 1] < often)[:, None], kernel, (place == 0).float())
    flat = view.flatten(0, 1)[None]
    for shape in ((-1, 1, 1, 9), (-1, 1, 9, 1)):
        padding = (4, 4, 0, 0) if shape[-1] == 9 else (0, 0, 4, 4)
        padded = functional.pad(flat, padding, mode="reflect")
        flat = functional.conv2d(padded, kernel.repeat_interleave(3, 0).reshape(shape), groups=flat.shape[1])
    return flat[0].unflatten(0, view.shape[:2])
