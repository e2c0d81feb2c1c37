"""The losses, on logits and poses alone: no model, no state."""

import torch
from torch import Tensor
from torch.nn import functional


def targets(teacher: Tensor, centre: Tensor, temperature: float) -> Tensor:
    """The teacher's distribution: centred, so that no prototype wins everywhere, and sharp, so that not all tie."""
    return ((teacher - centre) / temperature).softmax(-1)


def balanced(teacher: Tensor, temperature: float, rounds: int = 3) -> Tensor:
    """Sinkhorn in place of a centre: within the batch each prototype gets the same share. A centre only keeps one from
    winning everywhere, and may leave images in two heaps; here images must share out all prototypes."""
    logs = teacher / temperature
    for _ in range(rounds):
        logs = logs.log_softmax(0)
        logs = logs.log_softmax(-1)
    return logs.exp()


def distillation(target: Tensor, student: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of the student with the teacher's distribution, the mean over all rows."""
    return -(target * (student / temperature).log_softmax(-1)).sum(-1).mean()


def between_views(target: Tensor, student: Tensor, temperature: float) -> Tensor:
    """DINO: `target` [global views, images, K], `student` [views, images, K] with the global ones first. The mean over
    all pairs of a global view and another view."""
    logs = (student / temperature).log_softmax(-1)
    others = logs.sum(0) - logs[: len(target)]
    return -(target * others).sum(-1).mean() / (len(student) - 1)


def pose_error(found: Tensor, poses: Tensor, visible: Tensor, expected: Tensor) -> Tensor:
    """Mean distance of a visible coordinate. `expected` is how many visible joints a micro-batch has in this step:
    dividing by its own number would make the loss depend on how a batch is cut."""
    distance = (found - poses).abs().sum(-1).masked_fill(~visible, 0)
    return distance.sum() / (3 * expected)


def confidence_error(logits: Tensor, visible: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, visible.to(logits.dtype))


def entropy(distribution: Tensor) -> Tensor:
    return -torch.xlogy(distribution, distribution).sum(-1)
