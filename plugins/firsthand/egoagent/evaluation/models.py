"""The models that are evaluated, as functions: of images to features, of clips to states and poses.

`Features` is all that other people's probes need too. A policy for a robot, as in EgoAgent's TriFinger study, is
trained on what such a function returns of the robot's images; `firsthand` runs no simulator and reports no such number.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from firsthand import files
from firsthand.egoagent.clips import Clips
from firsthand.errors import UserError

Features = Callable[[Tensor], Tensor]  # uint8 [images, 3, height, width] -> [images, dimensions]
SIDE = 16  # pixels of the image that is its own feature


class Model(Protocol):
    """What evaluation asks of a model; EgoAgentModel has it."""

    config: Any
    state_head: Callable[[Tensor], Tensor]

    def encode(self, images: Tensor) -> Tensor: ...

    def predict(self, images: Tensor, poses: Tensor, visible: Tensor) -> Any: ...

    def rollout(self, images: Tensor, poses: Tensor, visible: Tensor) -> Any: ...


@dataclass(frozen=True)
class Agent:
    """The student predicts, the teacher observes."""

    student: Model
    teacher: Model
    centre: Tensor  # of the teacher's logits of the frames of clips

    @property
    def device(self) -> torch.device:
        return self.centre.device


def open_agent(run: Path, device: str = "cpu") -> Agent:
    """What a training run leaves: student/, teacher/ and centres.safetensors."""
    from safetensors.torch import load_file
    from transformers import AutoModel

    import firsthand.egoagent.model.model  # noqa: F401  registers the model with AutoModel
    from firsthand.egoagent.training.learner import PRED

    if not (run / "student/config.json").is_file():
        raise UserError(f"{run}: no student/ in this folder; give the output_dir of a run of firsthand egoagent train")
    files.check_regular(run / "centres.safetensors")
    centre = load_file(run / "centres.safetensors")["centres"][PRED].to(device)
    student, teacher = (AutoModel.from_pretrained(run / name).to(device).eval() for name in ("student", "teacher"))
    return Agent(student, teacher, centre)


def random_agent(like: Agent, seed: int) -> Agent:
    """The same model before its first step."""
    torch.manual_seed(seed)
    kind: Any = type(like.student)
    model = kind(like.student.config).to(like.device).eval()
    return Agent(model, model, torch.zeros_like(like.centre))


def pixels(side: int = SIDE) -> Features:
    """The image itself, made small: what any feature must beat."""
    return lambda images: interpolate(images.float() / 255, (side, side), mode="area").flatten(1) - 0.5


def backbone(name: str, device: str = "cpu") -> Features:
    """A frozen vision model of transformers: its pooled output, or else the mean of its tokens."""
    from transformers import AutoImageProcessor, AutoModel

    try:
        processor, model = AutoImageProcessor.from_pretrained(name, use_fast=True), AutoModel.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise UserError(f"--backbone {name}: not a vision model of transformers ({error})") from None
    model = getattr(model, "vision_model", model).to(device).eval()

    def features(images: Tensor) -> Tensor:
        ready = processor(images=list(images), return_tensors="pt").to(device)
        found = model(pixel_values=ready["pixel_values"])
        pooled = getattr(found, "pooler_output", None)
        return (found.last_hidden_state.mean(1) if pooled is None else pooled).flatten(1)

    return features


@dataclass(frozen=True)
class States:
    """Of clips, on the CPU: `predicted` [clips, T, d] of t + 1, `observed` [clips, T + 1, d]."""

    predicted: Tensor
    observed: Tensor
    centred_predicted: Tensor  # logits less their centre, [clips, T, prototypes]
    centred_observed: Tensor
    poses: Tensor  # [clips, T, poses, joints, 3]


@torch.no_grad()
def states(agent: Agent, clips: Clips, batch: int, progress: Callable[[int], None] = lambda done: None) -> States:
    parts = []
    for first in range(0, len(clips.images), batch):
        images, poses, visible = (
            one[first : first + batch].to(agent.device) for one in (clips.images, clips.poses, clips.visible)
        )
        observed = agent.teacher.encode(images.flatten(0, 1)).unflatten(0, images.shape[:2])
        found = agent.student.predict(images[:, :-1], poses, visible)
        centred_predicted = agent.student.state_head(found.states) - agent.centre
        centred_observed = agent.teacher.state_head(observed) - agent.centre
        parts.append([one.cpu() for one in (found.states, observed, centred_predicted, centred_observed, found.poses)])
        progress(len(images))
    return States(*(torch.cat(column) for column in zip(*parts, strict=True)))


@torch.no_grad()
def rolled_out(agent: Agent, clips: Clips, batch: int) -> Tensor:
    """Poses of every action, of which only the first was given: from there the model reads its own."""
    parts = []
    for first in range(0, len(clips.images), batch):
        images, poses, visible = (
            one[first : first + batch].to(agent.device) for one in (clips.images, clips.poses, clips.visible)
        )
        parts.append(agent.student.rollout(images[:, :-1], poses[:, :1], visible[:, :1]).poses.cpu())
    return torch.cat(parts)


@torch.no_grad()
def features_of(features: Features, images: Tensor, device: torch.device) -> Tensor:
    return features(images.to(device)).float().cpu()
