"""A recipe of EgoAgent as checked settings. Where paper, code and measurement disagree, the recipe names a preset, and
any single key of it may still be set."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from firsthand import files
from firsthand.errors import UserError, problems

Share = Annotated[float, Field(ge=0, le=1)]
Range = tuple[Share, Share]
PRESETS: dict[str, dict[str, Any]] = {
    "published": {
        "teacher_temperature": 0.04, "centring": "running", "act": 3, "confidence": 1, "pose_normalisation": "none",
    },
    "rounds": {
        "teacher_temperature": 0.02, "centring": "sinkhorn", "pred": 2, "act": 3, "late_act": 30, "confidence": 0.1,
        "pose_normalisation": "train",
    },
}  # fmt: skip


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Views(_Strict):
    """How many views of an image there are, and what is random about each."""

    globals: int = 2
    global_size: int = 224
    global_scale: Range = (0.4, 1)
    locals: int = 6
    local_size: int = 112
    local_scale: Range = (0.05, 0.4)
    first_crop: Range | None = (0.2, 1)  # all views lie in one crop of this share of the image
    flip: Share = 0.5
    jitter: Share = 0.8  # how often the five below are drawn
    brightness: Share = 0.4
    contrast: Share = 0.4
    saturation: Share = 0.2
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    light: Share = 0  # added or taken, of the way from black to white; brightness is a factor
    grey: Share = 0.2
    blur: tuple[Share, Share, Share] = (1, 0.1, 0.5)  # the first global view, other global views, local views
    solarize: Share = 0.2  # of the second global view
    clip_gain: Share = 0.2  # brightness of a whole clip; clips are not cropped or flipped


class Loss(_Strict):
    student_temperature: float = 0.1
    teacher_temperature: float
    centring: Literal["running", "sinkhorn"]  # take away a running mean, or share out prototypes in each micro-batch
    centre_momentum: Share = 0.9
    rep: float = 2  # weights of the losses of stage 2; stage 1 has one loss
    pred: float = 1
    act: float
    late_act: float | None = None  # that of `act` in the last part of the steps; None: the same
    confidence: float
    pose_normalisation: Literal["none", "train"]  # train: mean and twice the mean deviation of the training poses


class Schedule(_Strict):
    """All of it is a function of the applied step, so nothing of it is saved."""

    steps: Annotated[int, Field(ge=1)]
    rounds: Annotated[int, Field(ge=1)] = 1  # stage 1: while it is on the plateau, `steps` begin again, so often in all
    warmup: Share = 0.1
    learning_rate: float
    floor: Share = 0.01  # of the learning rate, at the end
    weight_decay: tuple[float, float] = (0.04, 0.4)
    decays: Literal["all", "matrices"] = "all"
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float = 1.0
    late: Share = 0.5  # from this share of the steps on `loss.late_act` holds
    teacher_momentum: Share = 0.996
    last_teacher_momentum: Share = 1  # at the end; a stage that ends with 1 ends with a teacher that lags behind


class Batch(_Strict):
    images: Annotated[int, Field(ge=1)]  # of one micro-batch of one GPU
    clips: Annotated[int, Field(ge=1)] = 1
    micro_batches: Annotated[int, Field(ge=1)] = 1


class Machine(_Strict):
    precision: Literal["no", "bf16", "fp16"] = "bf16"
    sharding: Literal["ddp", "fsdp2", "zero1", "zero2"] = "ddp"
    checkpointing: bool = False
    compile: bool = False
    workers: int = 8
    cpu: bool = False


class Keep(_Strict):
    checkpoint_every: Annotated[int, Field(ge=1)]
    checkpoints: Annotated[int, Field(ge=1)] = 2
    log_every: Annotated[int, Field(ge=1)] = 10
    loggers: tuple[Literal["tensorboard", "wandb", "trackio"], ...] = ("tensorboard",)


class Data(_Strict):
    images: str  # a folder of shards
    clips: str | None = None
    clip_steps: Annotated[int, Field(ge=1)] = 4  # T; 20 is the other number that the paper names
    cache: str | None = None  # where shards from elsewhere are kept
    cache_gigabytes: float = 100


class Recipe(_Strict):
    egoagent: Literal["stage1", "stage2"]
    preset: str
    model: dict[str, Any]
    start: str | None = None  # the folder of a stage 1
    output_dir: str
    seed: int = 0
    data: Data
    batch: Batch
    views: Views = Views()
    loss: Loss
    schedule: Schedule
    machine: Machine = Machine()
    keep: Keep

    @property
    def joint(self) -> bool:
        return self.egoagent == "stage2"

    @property
    def most_steps(self) -> int:
        return self.schedule.steps * (1 if self.joint else self.schedule.rounds)


def read_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """`key.key=value` changes a key; its value is read as YAML."""
    import yaml

    content = files.read_yaml(path)
    if not isinstance(content, dict):
        raise UserError(f"{path}: not a recipe of EgoAgent: it has no keys")
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise UserError(f"{override}: write key=value, as in schedule.steps=100")
        *above, last = key.split(".")
        inner = content
        for name in above:
            inner = inner.setdefault(name, {})
            if not isinstance(inner, dict):
                raise UserError(f"{override}: {name} is one value and has no keys")
        inner[last] = yaml.safe_load(value)
    return checked(content, str(path))


def checked(content: dict[str, Any], name: str) -> Recipe:
    if content.get("preset") not in PRESETS:
        raise UserError(f"{name}: preset: {content.get('preset')!r} is not one of {', '.join(PRESETS)}")
    content = content | {"loss": PRESETS[content["preset"]] | (content.get("loss") or {})}
    if isinstance(content.get("model"), str):
        content["model"] = files.read_yaml(content["model"])
    try:
        recipe = Recipe.model_validate(content)
    except ValidationError as error:
        raise UserError("\n".join(f"{name}: {problem}" for problem in problems(error))) from None
    if recipe.joint and not recipe.data.clips:
        raise UserError(f"{name}: data.clips: stage 2 trains on clips; name the folder of their shards")
    return recipe
