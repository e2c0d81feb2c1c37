"""Images become tokens: four convolutions of stride 2 and one of 1 x 1, as in MoCo v3 (inferred: there is no source).

Any size that 16 divides will do, since the same stem reads whole images and small crops.
"""

import math
from itertools import pairwise

from torch import Tensor, nn


class ConvStem(nn.Sequential):
    def __init__(self, hidden: int, norm: str):
        channels = (3, hidden // 8, hidden // 4, hidden // 2, hidden)
        layers: list[nn.Module] = []
        for before, after in pairwise(channels):
            convolution = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
            layers += [convolution, _norm(norm, after), nn.ReLU()]
        super().__init__(*layers, nn.Conv2d(hidden, hidden, 1))

    def forward(self, images: Tensor) -> Tensor:
        """[images, 3, height, width] -> [images, tokens, hidden], row by row."""
        return super().forward(images).flatten(2).transpose(1, 2)


def _norm(kind: str, channels: int) -> nn.Module:
    """Batch norm is what the paper's lineage has; its statistics are fragile with a teacher and small batches."""
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.GroupNorm(math.gcd(8, channels), channels)
