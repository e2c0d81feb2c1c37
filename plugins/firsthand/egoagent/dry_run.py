"""What a run would do, before GPUs are booked: its command, its memory by part, its speed by the cost model."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from firsthand.egoagent.cost import GB, Shape, clip_cost, image_cost, memory
from firsthand.egoagent.data.shard_files import DECODED
from firsthand.egoagent.training.settings import Recipe


@dataclass(frozen=True)
class Planned:
    gpus: int
    teraflops: float  # of one GPU at its peak, dense, in the recipe's precision
    use: float  # share of the peak that the model FLOPs reach


def lines(path: Path, recipe: Recipe, overrides: list[str], given: Planned) -> Iterator[str]:
    launcher = f"launch/egoagent.sh {path} {' '.join(overrides)}".rstrip()
    yield f"NPROC={given.gpus} {launcher}"
    shape = Shape.of(recipe.model)
    yield f"parameters: {shape.parameters / 1e6:.1f} M, and as many of the teacher"
    parts = memory(shape, recipe, given.gpus)
    yield f"memory of one GPU, without what CUDA takes for itself: {sum(parts.values()) / GB:.1f} GB"
    for name, size in parts.items():
        if size:
            yield f"  {name:<22}{size / GB:8.2f} GB"
    readers = given.gpus * max(recipe.machine.workers, 1) * (1 + recipe.joint)
    yield f"memory of the host for decoded images: up to {readers * DECODED / GB:.1f} GB, {readers} readers"
    image, clip = image_cost(shape, recipe), clip_cost(shape, recipe.data.clip_steps, recipe.views.global_size)
    yield f"an image: {image.useful() / 1e12:.4g} TFLOP"
    batch, speed = recipe.batch, given.use * given.teraflops * 1e12 * given.gpus
    work = batch.images * image.useful()
    if recipe.joint:
        yield f"a clip of {recipe.data.clip_steps} steps: {clip.useful() / 1e12:.4g} TFLOP"
        work += batch.clips * clip.useful()
    seconds = work * batch.micro_batches * given.gpus / speed
    images = batch.images * batch.micro_batches * given.gpus
    peak = f"{given.use:.0%} of {given.teraflops:g} TFLOP/s on {given.gpus} GPUs"
    yield f"expected at {peak}: {images / seconds:.1f} images/s, {1 / seconds:.2f} steps/s"
    if recipe.joint:
        yield f"  {images / seconds * batch.clips / batch.images:.1f} clips/s"
    steps, hours = recipe.schedule.steps, recipe.schedule.steps * seconds / 3600
    yield f"{steps:,} steps of {images:,} images: {hours:,.1f} hours, {hours * given.gpus:,.0f} GPU hours"
    yield "predicted, not measured on a GPU"
