"""EgoAgent: the parts of its own cost model, with what no sum of tensors sees."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from firsthand.doctor.fit.machine import Machine, Need, Phase, allowance
from firsthand.doctor.fit.sft import PROCESS, WORKER
from firsthand.egoagent.cost import Shape, memory
from firsthand.egoagent.training.settings import Recipe, read_recipe

PASSING = ("activations", "prototypes' softmax")


@dataclass(frozen=True)
class Settings:
    recipe: Recipe


def settings(path: Path, overrides: Sequence[str]) -> Settings:
    return Settings(read_recipe(path, overrides))


def need(given: Settings, machine: Machine) -> Need:
    recipe, batch = given.recipe, given.recipe.batch
    parts = {part: float(size) for part, size in memory(Shape.of(recipe.model), recipe, machine.gpus).items() if size}
    parts["allowance"] = allowance(machine, sum(parts.get(part, 0) for part in PASSING))
    read = f"{batch.images} images" + (f" and {batch.clips} clips" if recipe.joint else "")
    workers = recipe.machine.workers
    host = {
        "the model, read": 4.0 * Shape.of(recipe.model).parameters * machine.gpus,
        "processes": machine.gpus * (PROCESS + workers * WORKER),
    }
    update = batch.images * batch.micro_batches * machine.gpus
    notes = (f"{update} images in an update", "hours and GPU hours: firsthand egoagent train RECIPE --dry-run --gpus N")
    rows = f"{read} a micro-batch"
    return Need((Phase("training", parts),), host, machine.gpus * (1 + workers), rows, notes)


def switches(given: Settings, machine: Machine) -> list[tuple[str, Settings]]:
    """Keys to put behind the recipe, cheapest first. Smaller micro-batches would be other norms in the stem."""
    run, order = given.recipe.machine, ("ddp", "zero1", "zero2", "fsdp2")
    changes: list[tuple[str, Any]] = [("checkpointing", True)] if not run.checkpointing else []
    if machine.gpus > 1:
        changes += [("sharding", other) for other in order[order.index(run.sharding) + 1 :]]
    return [(f"machine.{key}={str(value).lower()}", _with(given, key, value)) for key, value in changes]


def _with(given: Settings, key: str, value: Any) -> Settings:
    changed = given.recipe.machine.model_copy(update={key: value})
    return replace(given, recipe=given.recipe.model_copy(update={"machine": changed}))
