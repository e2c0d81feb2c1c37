"""What is read from the queries: a distribution over prototypes, and a chunk of poses. And how such a chunk is read."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class StateHead(nn.Module):
    """DINO's head. Its last layer is weight-normed with a gain of 1: the logits are cosines with the prototypes."""

    def __init__(self, hidden: int, inner: int, bottleneck: int, prototypes: int):
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(hidden, inner), nn.GELU(), nn.Linear(inner, inner), nn.GELU(), nn.Linear(inner, bottleneck)
        )
        self.prototypes = nn.Linear(bottleneck, prototypes, bias=False)

    def forward(self, states: Tensor) -> Tensor:
        """Logits in float32 whatever the rest computes in: over 0.02, a cosine in bfloat16 is a fifth of a nat off."""
        found = self.mlp(states).float()
        with torch.autocast(found.device.type, enabled=False):
            vectors = functional.normalize(found, dim=-1)
            return functional.linear(vectors, functional.normalize(self.prototypes.weight.float(), dim=-1))


class PoseProjector(nn.Module):
    """A chunk of poses becomes one token. A hidden joint is a zero with a zero beside it: it says nothing else."""

    def __init__(self, chunk: int, hidden: int):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(chunk * 4, hidden), nn.GELU(), nn.Linear(hidden, hidden))

    def forward(self, poses: Tensor, visible: Tensor) -> Tensor:
        """[..., poses, joints, 3] and [..., poses, joints] -> [..., hidden]."""
        told = visible[..., None]
        known = poses.masked_fill(~told, 0)  # and not a product: what is hidden may be anything, NaN too
        return self.mlp(torch.cat([known, told.to(known.dtype)], -1).flatten(-3))


class ActionHead(nn.Module):
    """The chunk of poses that comes, and the logit that each of its joints will be visible."""

    def __init__(self, poses: int, joints: int, hidden: int):
        super().__init__()
        self.shape = (poses, joints, 4)
        self.mlp = nn.Sequential(nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, poses * joints * 4))

    def forward(self, queries: Tensor) -> tuple[Tensor, Tensor]:
        found = self.mlp(queries).float().unflatten(-1, self.shape)
        return found[..., :3], found[..., 3]
