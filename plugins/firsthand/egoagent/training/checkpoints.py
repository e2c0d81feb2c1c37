"""Checkpoints of a run, and the folders that the next stage, evaluation and other people read.

checkpoints/step_000600/  everything that Accelerate saves: the learner, AdamW, the progress
student/ teacher/         models for AutoModel.from_pretrained, when a stage has ended
centres.safetensors       both centres
"""

import shutil
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from firsthand import files
from firsthand.egoagent.training.learner import PRED, REP, Learner
from firsthand.egoagent.training.settings import Recipe
from firsthand.errors import UserError


@dataclass
class Progress:
    """All that a run must remember beside the weights and the optimizer."""

    step: int = 0  # applied steps, which schedules follow
    tried: int = 0  # with those that a scaler skipped, which batches follow
    gap: float = 0.0  # marginal minus per-sample entropy, a running mean
    processor_seconds: float = 0.0  # of the main process, from its first import on, until the last checkpoint

    def state_dict(self) -> dict[str, Any]:
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for field in fields(self):
            setattr(self, field.name, state[field.name])


def save(accelerator: Accelerator, folder: Path, step: int, keep: int) -> Path:
    """Written under another name first: a killed run leaves no half checkpoint that looks whole."""
    made, writing = folder / f"step_{step:07}", folder / "writing"
    if accelerator.is_main_process:
        shutil.rmtree(writing, ignore_errors=True)
        shutil.rmtree(made, ignore_errors=True)
    accelerator.wait_for_everyone()
    accelerator.save_state(str(writing))
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        writing.rename(made)
        for old in listed(folder)[:-keep]:
            shutil.rmtree(old)
    accelerator.wait_for_everyone()
    return made


def listed(folder: Path) -> list[Path]:
    return sorted(folder.glob("step_*"))


def resume(accelerator: Accelerator, folder: Path) -> None:
    """From the newest checkpoint, if there is one."""
    if found := listed(folder):
        accelerator.load_state(str(found[-1]))


def start_from(learner: Learner, folder: str | None) -> None:
    """Stage 2 goes on with the student and the teacher of stage 1; both centres begin with that of its views."""
    if folder is None:
        return
    for name in ("student", "teacher"):
        weights = read_weights(Path(folder) / name / "model.safetensors")
        try:
            getattr(learner, name).load_state_dict(weights)
        except RuntimeError as error:
            raise UserError(f"{folder}/{name} is a model of other sizes than this recipe's ({error})") from None
    centre = read_weights(Path(folder) / "centres.safetensors")["centres"][REP]
    learner.centres[REP], learner.centres[PRED] = centre, centre


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    files.check_regular(path)
    found: dict[str, torch.Tensor] = load_file(path)
    return found


def publish(accelerator: Accelerator, wrapped: torch.nn.Module, recipe: Recipe) -> None:
    """Student and teacher of a stage that has ended, whole, whatever the sharding."""
    from safetensors.torch import save_file

    learner, out = accelerator.unwrap_model(wrapped), Path(recipe.output_dir)
    weights = accelerator.get_state_dict(wrapped)
    if accelerator.is_main_process:
        for name in ("student", "teacher"):
            own = {key.removeprefix(f"{name}."): value for key, value in weights.items() if key.startswith(f"{name}.")}
            getattr(learner, name).save_pretrained(out / name, state_dict=own)
        with files.replacing(out / "centres.safetensors") as tmp:
            save_file({"centres": weights["centres"].cpu()}, tmp)
    accelerator.wait_for_everyone()
