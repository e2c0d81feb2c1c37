"""What a run leaves beside its checkpoints.

run.json       the manifest: recipe, seed, versions, revision, ranks, data
metrics.jsonl  losses, schedules and health of a step, one row each `keep.log_every` steps
logs/          the same for TensorBoard; W&B and Trackio have their own places
"""

import subprocess
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from firsthand import files
from firsthand.egoagent.training.settings import Recipe
from firsthand.errors import UserError

PACKAGES = ("firsthand", "torch", "transformers", "accelerate", "deepspeed", "numpy")
FREE = {"keep", "machine"}  # keys that a resumed run may change: they decide how, and not what


def begin(recipe: Recipe, data: dict[str, Any], accelerator: Accelerator) -> None:
    """Writes the manifest, or checks that the folder was begun with the same recipe."""
    check_loggers(recipe)
    path, wanted = Path(recipe.output_dir) / "run.json", recipe.model_dump(mode="json")
    micro_batches = wanted["batch"].pop("micro_batches") * accelerator.num_processes
    if path.is_file():
        _same(files.read_json(path), wanted, micro_batches, path)
    elif accelerator.is_main_process:
        update = {"recipe": wanted, "micro_batches_of_an_update": micro_batches}
        files.write_json(path, update | {"data": data, "ranks": accelerator.num_processes, **_versions()})
    accelerator.wait_for_everyone()
    accelerator.init_trackers("firsthand-egoagent", config={"recipe": path.parent.name, "seed": recipe.seed})


def _same(manifest: dict[str, Any], wanted: dict[str, Any], micro_batches: int, path: Path) -> None:
    before = manifest["recipe"]
    other = [key for key in wanted if key not in FREE and before.get(key) != wanted[key]]
    if other:
        what = "; ".join(f"{key}: was {before.get(key)}, is {wanted[key]}" for key in other)
        raise UserError(f"{path.parent} was begun with other settings ({what}); give another output_dir")
    if (begun := manifest["micro_batches_of_an_update"]) != micro_batches:
        raise UserError(
            f"{path.parent} was begun with {begun} micro-batches an update, and this would have {micro_batches}; ranks "
            "times batch.micro_batches must stay the same"
        )


def check_loggers(recipe: Recipe) -> None:
    """Accelerate leaves out a logger that is not installed, and says nothing."""
    for name in recipe.keep.loggers:
        if find_spec(name) is None:
            raise UserError(f"keep.loggers: {name} is not installed: pip install {name}, or take it out of the list")


def _versions() -> dict[str, Any]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    root = Path(__file__).parent
    git = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True)
    return {"versions": found, "revision": git.stdout.strip() or None}


class Metrics:
    """Rows of metrics.jsonl on the main process, and the same to the loggers."""

    def __init__(self, out: Path, accelerator: Accelerator, step: int):
        """Rows after `step` were written by a run that was killed: they will be written again."""
        self.path, self.accelerator = out / "metrics.jsonl", accelerator
        if accelerator.is_main_process and self.path.is_file():
            files.write_jsonl(self.path, [row for row in files.read_jsonl(self.path) if row["step"] <= step])

    def add(self, step: int, row: dict[str, float]) -> None:
        self.accelerator.log(row, step=step)
        if self.accelerator.is_main_process:
            with files.writing(self.path), self.path.open("a") as handle:
                handle.write(files.json.dumps({"step": step, **row}) + "\n")
