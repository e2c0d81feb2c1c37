"""Is the predicted next state nearer to the true next frame than to others?

EgoAgent's gallery, similarity and positives are unpublished, so both ends are measured: the frames of the same clip,
where everything but the step is alike, and all next frames of the set, of which one is right. Equal similarities share
the place: a method that cannot tell two frames apart gets half of each.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

CHUNK = 512  # queries at a time


@dataclass(frozen=True)
class Found:
    """Of each query [clips, T]."""

    top1: Tensor  # 1 where the right frame is nearest, a share where it ties
    reciprocal: Tensor  # 1 / rank of the right frame, which is the average precision of one positive
    nearest: Tensor  # int64: which frame of the gallery is nearest, counted over the clip or over the flattened set


def within_clip(queries: Tensor, gallery: Tensor) -> Found:
    """Queries and gallery [clips, T, dimensions]; query t belongs to frame t, and sees the frames of its clip."""
    similar = unit(queries) @ unit(gallery).transpose(1, 2)
    right = similar.diagonal(dim1=1, dim2=2)
    return _found(similar, right)


def over_all(queries: Tensor, gallery: Tensor) -> Found:
    """The same, where each query sees the frames of all clips."""
    flat, all_frames = unit(queries).flatten(0, 1), unit(gallery).flatten(0, 1)
    parts = []
    for first in range(0, len(flat), CHUNK):
        similar = flat[first : first + CHUNK] @ all_frames.T
        rows = torch.arange(len(similar))
        parts.append(_found(similar, similar[rows, first + rows]))
    shape = queries.shape[:2]
    return Found(
        torch.cat([part.top1 for part in parts]).reshape(shape),
        torch.cat([part.reciprocal for part in parts]).reshape(shape),
        torch.cat([part.nearest for part in parts]).reshape(shape),
    )


def unit(vectors: Tensor) -> Tensor:
    return normalize(vectors.float(), dim=-1)


def _found(similar: Tensor, right: Tensor) -> Found:
    better = (similar > right[..., None]).sum(-1)
    equal = (similar == right[..., None]).sum(-1)
    top1 = (better == 0).float() / equal
    return Found(top1, 1 / (better + (equal + 1) / 2), similar.argmax(-1))
