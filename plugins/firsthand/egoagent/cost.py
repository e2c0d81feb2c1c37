"""What a recipe costs: FLOPs of an image and of a clip, memory of one GPU by part, images a second.

FLOPs are counted as torch counts them (tests compare), but causal attention as the half that is used. Bytes of
activations were measured by counting saved tensors; what a GPU really holds or does was not measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from firsthand.egoagent.training.settings import Recipe

GB = 1e9
PATCH, STEP_TOKENS = 16, 3  # pixels of a patch; tokens of a step beside its patches
# Bytes of activations that a token keeps in a layer, for each of its hidden numbers
AUTOCAST, WIDE, CHECKPOINTED = 56, 92, 4


@dataclass(frozen=True)
class Shape:
    hidden: int
    layers: int
    inner: int
    prototypes: int
    head_hidden: int
    bottleneck: int
    chunk: int  # numbers of an action: poses * joints * 4
    last: int  # of the pose before it, where a linear map adds it

    @classmethod
    def of(cls, model: Mapping[str, Any]) -> "Shape":
        joints = model.get("joints", 17)
        return cls(
            model["hidden_size"],
            model["num_hidden_layers"],
            model["intermediate_size"],
            model.get("prototypes", 65536),
            model.get("head_hidden", 2048),
            model.get("head_bottleneck", 256),
            model.get("poses_per_step", 5) * joints * 4,
            joints * 4 if model.get("last_pose") else 0,
        )

    @property
    def channels(self) -> tuple[int, ...]:
        return (3, self.hidden // 8, self.hidden // 4, self.hidden // 2, self.hidden)

    # -- parameters ----------------------------------------------------------------------------------------------------

    @property
    def matrices(self) -> int:
        """Of the trunk."""
        return self.layers * (4 * self.hidden**2 + 3 * self.hidden * self.inner)

    @property
    def trunk(self) -> int:
        """With biases and norms."""
        return self.matrices + self.layers * (4 * self.hidden + 2 * self.hidden) + self.hidden

    @property
    def stem(self) -> int:
        return sum(9 * a * b + 2 * b for a, b in pairwise(self.channels)) + self.hidden**2 + self.hidden

    @property
    def head(self) -> int:
        linears = pairwise((self.hidden, self.head_hidden, self.head_hidden, self.bottleneck))
        return sum(a * b + b for a, b in linears) + self.bottleneck * self.prototypes

    @property
    def behaviour(self) -> int:
        """Projector and head of actions, and its query; and the map of the last pose."""
        mlps = 2 * (self.chunk * self.hidden + self.hidden**2 + self.hidden) + self.chunk
        return mlps + 2 * self.hidden + self.last * self.chunk

    @property
    def parameters(self) -> int:
        return self.trunk + self.stem + self.head + self.behaviour + self.hidden  # and the query of the state

    # -- FLOPs, forward ------------------------------------------------------------------------------------------------

    def stem_flops(self, pixels: int) -> float:
        sides = [pixels / 2 ** (i + 1) for i in range(4)]
        pairs = zip(pairwise(self.channels), sides, strict=True)
        return sum(2 * 9 * a * b * side**2 for (a, b), side in pairs) + 2 * self.hidden**2 * (pixels / PATCH) ** 2

    @property
    def head_flops(self) -> float:
        inner = self.head_hidden * (self.hidden + self.head_hidden + self.bottleneck)
        return 2 * (inner + self.bottleneck * self.prototypes)

    def sequence_flops(self, tokens: int) -> float:
        return 2 * self.matrices * tokens + 2 * self.layers * tokens**2 * self.hidden

    def frame_flops(self, pixels: int) -> float:
        """One image through the observer and the head."""
        return self.stem_flops(pixels) + self.sequence_flops(patches(pixels) + 1) + self.head_flops


def patches(pixels: int) -> int:
    return (pixels // PATCH) ** 2


@dataclass(frozen=True)
class Cost:
    """Of one image (with all its views) or of one clip."""

    student: float  # forward
    teacher: float
    tokens: int  # that the student reads, and whose activations are kept

    def useful(self) -> float:
        """Model FLOPs: forward and backward of the student, forward of the teacher."""
        return 3 * self.student + self.teacher


def image_cost(shape: Shape, recipe: Recipe) -> Cost:
    views = recipe.views
    large, small = shape.frame_flops(views.global_size), shape.frame_flops(views.local_size)
    tokens = views.globals * (patches(views.global_size) + 1) + views.locals * (patches(views.local_size) + 1)
    return Cost(views.globals * large + views.locals * small, views.globals * large, tokens)


def clip_cost(shape: Shape, steps: int, pixels: int) -> Cost:
    tokens = steps * (patches(pixels) + STEP_TOKENS)
    student = shape.sequence_flops(tokens) + steps * (shape.stem_flops(pixels) + shape.head_flops)
    return Cost(student, steps * shape.frame_flops(pixels), tokens)


def memory(shape: Shape, recipe: Recipe, gpus: int) -> dict[str, float]:
    """Bytes of one GPU by part. Weights stay in float32: an average in bfloat16 would stop to move."""
    machine, batch, steps = recipe.machine, recipe.batch, recipe.data.clip_steps
    shared = {"ddp": (1, 1, 1), "zero1": (1, 1, gpus), "zero2": (1, gpus, gpus), "fsdp2": (gpus,) * 3}
    weights, gradients, moments = shared[machine.sharding]
    images, clips = image_cost(shape, recipe), clip_cost(shape, steps, recipe.views.global_size)
    read = batch.images * images.tokens + (batch.clips * clips.tokens if recipe.joint else 0)
    views = recipe.views
    softmax = (3 * (views.globals + views.locals) + 2 * views.globals) * batch.images
    softmax += 5 * steps * batch.clips if recipe.joint else 0
    saved = CHECKPOINTED if machine.checkpointing else WIDE if machine.precision == "no" else AUTOCAST
    return {
        "student": 4 * shape.parameters / weights,
        "teacher": 4 * shape.parameters / weights,
        "gradients": 4 * shape.parameters / gradients,
        "gradients' buckets": 4 * shape.parameters if machine.sharding == "ddp" and gpus > 1 else 0,
        "AdamW": 8 * shape.parameters / moments,
        "activations": saved * read * shape.hidden * shape.layers,
        "prototypes' softmax": 4 * softmax * shape.prototypes,
    }
