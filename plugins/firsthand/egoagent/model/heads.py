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
    """A chunk of poses becomes one token."""

    def __init__(self, chunk: int, hidden: int):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(chunk * 4, hidden), nn.GELU(), nn.Linear(hidden, hidden))

    def forward(self, poses: Tensor, visible: Tensor) -> Tensor:
        """[..., poses, joints, 3] and [..., poses, joints] -> [..., hidden]."""
        return self.mlp(known(poses, visible).flatten(-3))


def known(poses: Tensor, visible: Tensor) -> Tensor:
    """Each joint's place and a one, or four zeros: a hidden joint may be anything, NaN too."""
    told = visible[..., None]
    return torch.cat([poses.masked_fill(~told, 0), told.to(poses.dtype)], -1)


class LastPose(nn.Module):
    """What the last pose before each action says of it, on a way that does not lead through the trunk. It says nothing
    at first, and nothing of the first action."""

    def __init__(self, poses: int, joints: int):
        super().__init__()
        self.shape = (poses, joints, 4)
        self.linear = nn.Linear(joints * 4, poses * joints * 4, bias=False)

    def forward(self, poses: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        """Of all actions, [clips, T, poses, joints, 3] and [clips, T, poses, joints]."""
        last = known(poses[:, :-1, -1], visible[:, :-1, -1]).flatten(-2)
        found = self.linear(functional.pad(last, (0, 0, 1, 0))).float().unflatten(-1, self.shape)
        return found[..., :3], found[..., 3]


class ActionHead(nn.Module):
    """The chunk of poses that comes, and the logit that each of its joints will be visible."""

    def __init__(self, poses: int, joints: int, hidden: int):
        super().__init__()
        self.shape = (poses, joints, 4)
        self.mlp = nn.Sequential(nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, poses * joints * 4))

    def forward(self, queries: Tensor) -> tuple[Tensor, Tensor]:
        found = self.mlp(queries).float().unflatten(-1, self.shape)
        return found[..., :3], found[..., 3]
