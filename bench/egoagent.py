"""Images a second of EgoAgent's two stages, beside the bare trunk of transformers on the same tokens.

    python bench/egoagent.py [--size tiny] [--images 16] [--clips 8] [--steps 4] [--stage stage1 stage2]

Noise of the recipe's sizes is trained on through the same step as a run's. Beside it, in the same process and in turns:
LlamaModel alone, forward and backward, on as many tokens in sequences of the same lengths as the student reads. The
difference is what DINO needs besides: the teacher, stem, heads, views, AdamW and the average. Shares of a step are
measured inside it. FLOPs are those of the cost model. On a GPU the machine's peak gives the share of it that is used
(`--teraflops`); on a CPU compare the ratios, since other work changes the times.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import torch
from transformers import LlamaModel

from firsthand.egoagent.clips import Clips
from firsthand.egoagent.cost import Shape, clip_cost, image_cost, patches
from firsthand.egoagent.model.config import EgoAgentConfig
from firsthand.egoagent.training.batches import InMemory
from firsthand.egoagent.training.learner import Learner
from firsthand.egoagent.training.settings import Recipe, read_recipe
from firsthand.egoagent.training.train import Trainer

RECIPES = Path(__file__).parents[1] / "recipes/egoagent"


def recipe_of(stage: str, given: argparse.Namespace, out: str) -> Recipe:
    name = f"tiny_{stage}_300m" if given.size == "tiny" else f"{stage}_{given.size}"
    changes = [f"output_dir={out}/{stage}", "start=null", f"batch.images={given.images}", f"batch.clips={given.clips}"]
    changes += ["batch.micro_batches=1", "keep.loggers=[]"]
    on_gpu = torch.cuda.is_available()
    changes += ["machine.cpu=false"] if on_gpu else ["machine.cpu=true", "machine.precision='no'"]
    return read_recipe(RECIPES / f"{name}.yaml", changes)


def noise(recipe: Recipe) -> InMemory:
    """Images a little larger than a view, as real ones are."""
    size, steps, model = recipe.views.global_size, recipe.data.clip_steps, EgoAgentConfig(**recipe.model)
    images = torch.randint(0, 255, (2 * recipe.batch.images, 3, size * 4 // 3, size * 4 // 3), dtype=torch.uint8)
    shape = (recipe.batch.clips, steps, model.poses_per_step, model.joints)
    seen = torch.randint(0, 255, (recipe.batch.clips, steps + 1, 3, size, size), dtype=torch.uint8)
    clips = Clips(seen, torch.randn(*shape, 3), torch.ones(shape, dtype=torch.bool))
    return InMemory(images, clips, recipe.batch.images, recipe.batch.clips, 0)


def trunk_alone(recipe: Recipe, device: torch.device) -> Callable[[], None]:
    """The student's sequences through LlamaModel, forward and backward."""
    config = EgoAgentConfig(**recipe.model)
    trunk, views, batch = LlamaModel(config.trunk()).to(device), recipe.views, recipe.batch
    trunk.embed_tokens = None
    read = [(views.globals * batch.images, patches(views.global_size) + 1)]
    read.append((views.locals * batch.images, patches(views.local_size) + 1))
    if recipe.joint:
        read.append((batch.clips, recipe.data.clip_steps * (patches(views.global_size) + 3)))
    tokens = [torch.randn(*shape, config.hidden_size, device=device) for shape in read]

    def run() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.machine.precision == "bf16"):
            for one in tokens:
                trunk(inputs_embeds=one, use_cache=False).last_hidden_state.float().square().mean().backward()
        trunk.zero_grad()

    return run


def timed(run: Callable[[], Any]) -> float:
    began = time.perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


@contextmanager
def shares(trainer: Trainer) -> Iterator[dict[str, list[float]]]:
    """Seconds of the parts of each step, by wrapping what does them."""
    took: dict[str, list[float]] = {}

    def watched(name: str, function: Callable) -> Callable:
        def call(*args: Any, **kwargs: Any) -> Any:
            found = []
            took.setdefault(name, []).append(timed(lambda: found.append(function(*args, **kwargs))))
            return found[0]

        return call

    with (
        patch.object(trainer, "_on_device", watched("views", trainer._on_device)),
        patch.object(trainer.accelerator, "backward", watched("backward", trainer.accelerator.backward)),
        patch.object(trainer.optimizer, "step", watched("AdamW", trainer.optimizer.step)),
        patch.object(Learner, "after_applied_step", watched("average", Learner.after_applied_step)),
    ):
        yield took


def measure(stage: str, given: argparse.Namespace) -> None:
    with TemporaryDirectory() as out:
        recipe = recipe_of(stage, given, out)
        trainer = Trainer(recipe, noise(recipe))
        parts, alone = trainer.parts(), trunk_alone(recipe, trainer.accelerator.device)
        trainer.wrapped.train()
        whole, bare, loading = [], [], []
        with shares(trainer) as took:
            for _ in range(given.steps + 1):
                began = time.perf_counter()
                part = next(parts)
                loading.append(time.perf_counter() - began)
                whole.append(timed(lambda part=part: trainer.step([part])))
                bare.append(timed(alone))
    show(stage, recipe, median(whole[1:]), median(bare[1:]), given.teraflops)
    for name, seconds in {"batches of noise": loading, **took}.items():
        print(f"    {name:<18}{median(seconds[1:]) / median(whole[1:]):6.1%} of a step")


def show(stage: str, recipe: Recipe, step: float, bare: float, teraflops: float) -> None:
    shape, batch = Shape.of(recipe.model), recipe.batch
    work = batch.images * image_cost(shape, recipe).useful()
    if recipe.joint:
        work += batch.clips * clip_cost(shape, recipe.data.clip_steps, recipe.views.global_size).useful()
    clips = f" and {batch.clips / step:.2f} clips/s" if recipe.joint else ""
    print(
        f"{stage}: {batch.images / step:.2f} images/s{clips}; {work / step / 1e9:.1f} GFLOP/s of the model's own work"
    )
    print(f"    the bare trunk's forward and backward takes {bare / step:.1%} of a step")
    if torch.cuda.is_available():
        print(f"    {work / step / teraflops / 1e12:.1%} of {teraflops:g} TFLOP/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=("tiny", "300m", "1b"), default="tiny")
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--teraflops", type=float, default=989)
    parser.add_argument("--stage", nargs="+", choices=("stage1", "stage2"), default=["stage1", "stage2"])
    given = parser.parse_args()
    torch.manual_seed(0)
    for stage in given.stage:
        measure(stage, given)


if __name__ == "__main__":
    main()
