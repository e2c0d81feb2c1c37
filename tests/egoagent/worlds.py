"""Tiny recipes and noise, for tests and for the processes that they start."""

from pathlib import Path
from typing import Any

import torch

from firsthand.egoagent.clips import Clips
from firsthand.egoagent.training.batches import InMemory
from firsthand.egoagent.training.settings import Recipe, checked

MODEL = {
    "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64, "head_hidden": 32,
    "head_bottleneck": 16, "prototypes": 32, "joints": 4, "poses_per_step": 2, "mask": "frame_bidirectional",
}  # fmt: skip
T = 2


def recipe_of(stage: str, out: Path, **changes: Any) -> Recipe:
    """`schedule__steps=3` changes schedule.steps."""
    content: dict[str, Any] = {
        "egoagent": stage, "preset": "rounds", "model": dict(MODEL), "output_dir": str(out),
        "data": {"images": "noise", "clips": "noise"}, "batch": {"images": 4, "clips": 2},
        "views": {"global_size": 32, "local_size": 16, "locals": 1},
        "loss": {"centring": "running"}, "schedule": {"steps": 8, "learning_rate": 1e-3, "teacher_momentum": 0.9},
        "machine": {"precision": "no", "cpu": True, "workers": 0},
        "keep": {"checkpoint_every": 1000, "log_every": 1, "loggers": []},
    }  # fmt: skip
    for key, value in changes.items():
        *above, last = key.split("__")
        inner = content
        for name in above:
            inner = inner[name]
        inner[last] = value
    return checked(content, "test")


def noise(recipe: Recipe) -> InMemory:
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 255, (24, 3, 32, 32), dtype=torch.uint8, generator=generator)
    return InMemory(images, clips(10), recipe.batch.images, recipe.batch.clips, recipe.seed)


def clips(number: int, seed: int = 2) -> Clips:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 255, (number, T + 1, 3, 32, 32), dtype=torch.uint8, generator=generator)
    poses = torch.randn(number, T, 2, 4, 3, generator=generator)
    visible = torch.rand(number, T, 2, 4, generator=generator) > 0.2
    return Clips(images, poses * visible[..., None], visible)
