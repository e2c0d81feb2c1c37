"""Student, teacher and both centres in one module, whose forward takes both kinds of batch.

One module, because Accelerate prepares no second model under FSDP2 or DeepSpeed, and because a checkpoint then holds
all of it. One forward, because DDP waits for ever where a step leaves a parameter without a gradient.
"""

import copy
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from firsthand.egoagent.model.model import EgoAgentModel
from firsthand.egoagent.training import losses
from firsthand.egoagent.training.augment import ClipBatch
from firsthand.egoagent.training.health import Health
from firsthand.egoagent.training.settings import Loss

Found = dict[str, Tensor]
REP, PRED = 0, 1  # the two centres
SUMS = ("rep_logits", "pred_logits", "probabilities")  # over the rows of a micro-batch, to be reduced
COUNTS = ("rep_rows", "pred_rows")


class Learner(nn.Module):
    centres: Tensor

    def __init__(self, student: EgoAgentModel, given: Loss, stage: Literal["stage1", "stage2"]):
        super().__init__()
        self.given, self.joint = given, stage == "stage2"
        self.act = given.act  # the trainer changes it where it is late
        self.student = student
        self.teacher = copy.deepcopy(student).requires_grad_(False)
        # With sinkhorn no loss reads them, but the evaluation does: it compares centred logits.
        self.register_buffer("centres", torch.zeros(2, student.config.prototypes))
        for parameter in student.behaviour():
            parameter.requires_grad_(self.joint)  # stage 1 has nothing to train them with

    def forward(self, large: Tensor, small: Tensor, clips: ClipBatch | None = None) -> tuple[Tensor, Found]:
        """The loss, and all else that an applied step or a log needs. Views are [views, images, 3, side, side]."""
        found = self._represent(large, small)
        if clips is None:
            return found["rep"], found
        found |= self._predict(clips)
        given = self.given
        weights = {"rep": given.rep, "pred": given.pred, "act": self.act, "confidence": given.confidence}
        return torch.stack([weight * found[name] for name, weight in weights.items()]).sum(), found

    def _represent(self, large: Tensor, small: Tensor) -> Found:
        given, views = self.given, len(large)
        with torch.no_grad():
            features = self.teacher.encode(large.flatten(0, 1))
            logits = self.teacher.state_head(features)
            target = self._targets(logits, REP)
        student = [self._logits(view) for view in (large, small) if view.numel()]
        rep = losses.between_views(target.unflatten(0, (views, -1)), torch.cat(student), given.student_temperature)
        return {
            "rep": rep,
            "rep_logits": logits.sum(0),
            "rep_rows": rep.new_tensor(len(logits)),
            "probabilities": target.sum(0),
            "entropy": losses.entropy(target).mean(),
            "spread": spread(features),
        }

    def _targets(self, logits: Tensor, centre: int) -> Tensor:
        given = self.given
        if given.centring == "sinkhorn":
            return losses.balanced(logits, given.teacher_temperature)
        return losses.targets(logits, self.centres[centre], given.teacher_temperature)

    def _logits(self, views: Tensor) -> Tensor:
        return self.student.state_head(self.student.encode(views.flatten(0, 1))).unflatten(0, (len(views), -1))

    def _predict(self, clips: ClipBatch) -> Found:
        """State t + 1 of the predictor against the observer's, and action t against what was done."""
        given = self.given
        with torch.no_grad():
            logits = self.teacher.state_head(self.teacher.encode(clips.images[:, 1:].flatten(0, 1)))
            target = self._targets(logits, PRED)
        found = self.student.predict(clips.images[:, :-1], clips.poses, clips.visible)
        states = self.student.state_head(found.states.flatten(0, 1))
        scale = self.student.pose_scale
        return {
            "pred": losses.distillation(target, states, given.student_temperature),
            "act": losses.pose_error(found.poses / scale, clips.poses / scale, clips.visible, clips.expected_visible),
            "confidence": losses.confidence_error(found.confidence, clips.visible),
            "pred_logits": logits.sum(0),
            "pred_rows": states.new_tensor(len(logits)),
        }

    @torch.no_grad()
    def after_applied_step(self, momentum: float, found: Found) -> None:
        """Everything that moves once per applied step beside the student; `found` has the sums over the whole step."""
        pairs = zip(self.teacher.parameters(), self.student.parameters(), strict=True)
        for teacher, student in pairs:
            teacher.lerp_(student, 1 - momentum)
        for centre, name in ((REP, "rep"), (PRED, "pred")):
            if f"{name}_logits" in found:
                mean = found[f"{name}_logits"] / found[f"{name}_rows"]
                self.centres[centre].lerp_(mean, 1 - self.given.centre_momentum)

    def health(self, found: Found) -> Health:
        marginal = losses.entropy(found["probabilities"] / found["rep_rows"])
        return Health(float(found["entropy"]), float(marginal), float(found["spread"]), self.centres.shape[1])


def spread(features: Tensor) -> Tensor:
    """How far apart the features of a batch are: 1 for random directions, 0 where all are one."""
    return 1 - functional.normalize(features.float(), dim=-1).mean(0).square().sum()


@dataclass(frozen=True)
class PoseStatistics:
    mean: Tensor  # [joints, 3]
    scale: Tensor  # [1]


def pose_statistics(poses: Tensor, visible: Tensor) -> PoseStatistics:
    """Mean of each visible coordinate, and twice the mean distance from it, one number for all of them."""
    weight = visible[..., None].float().flatten(0, -3)
    flat = poses.flatten(0, -3).masked_fill(weight == 0, 0)
    mean = flat.sum(0) / weight.sum(0).clamp(min=1)
    deviation = ((flat - mean).abs() * weight).sum() / (3 * weight.sum()).clamp(min=1)
    return PoseStatistics(mean, 2 * deviation.clamp(min=1e-6).reshape(1))
