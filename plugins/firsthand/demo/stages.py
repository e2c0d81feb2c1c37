"""The stages that demos share. Each is a command that a user can type alone; a demo chooses the folders of its run
and the seed."""

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from firsthand.demo.progress import files_made, llamafactory_log, rollout_files
from firsthand.recipe import load
from firsthand.stages import TWO_THREADS, Stage

FIRSTHAND = str(Path(sys.executable).with_name("firsthand"))
LLAMAFACTORY = str(Path(sys.executable).with_name("llamafactory-cli"))
MODELS = ("base", "sft", "grpo")
SAMPLER = "trainer.v1.sampler.sampler_kwargs"


@dataclass(frozen=True)
class Run:
    """The folder of one run, its seed, and where each of its models lies."""

    folder: Path
    seed: int
    base: Path

    def model(self, name: str) -> Path:
        return self.base if name == "base" else self.folder / f"{name}_merged"


def own(name: str, says: str, *words: str | Path, **more: Any) -> Stage:
    """A stage that is a command of firsthand; what it makes, reads and resumes stands in `more`."""
    return Stage(name, [FIRSTHAND, *map(str, words)], says=says, **more)


def week(folder: Path, *size: str) -> list[Stage]:
    return [
        own(
            "week", "a synthetic egocentric week: real clips, captions, questions, known truth",
            "toy", "build", folder, *size,
            makes=[folder / "splits.json"], watch=partial(files_made, folder, "*/*/*.mp4", "clips"),
        ),
        own("check", "labels hold, nothing is shared between the splits", "toy", "check", folder),
    ]  # fmt: skip


def sft(run: Run, recipe: Path, rows: Path, says: str, *settings: str) -> Stage:
    out = run.folder / "sft"
    return Stage(
        "sft", [LLAMAFACTORY, "train", str(recipe), f"output_dir={out}", f"seed={run.seed}", *settings],
        reads=[recipe, run.base, rows], makes=[out / "adapter_model.safetensors"], resumes=[out], says=says,
        watch=partial(llamafactory_log, out / "trainer_log.jsonl"), env=TWO_THREADS,
    )  # fmt: skip


def export(run: Run, recipe: Path) -> Stage:
    merged = run.model("sft")
    return own(
        "export", "LLaMA-Factory: merge the adapter; the merged model gives the logits of base + adapter",
        "export", recipe, f"adapter_name_or_path={run.folder}/sft", f"export_dir={merged}",
        reads=[recipe], makes=[merged / "config.json"], env=TWO_THREADS,
    )  # fmt: skip


def grpo(run: Run, recipe: Path, reads: list[Path], says: str, *settings: str, name: str = "grpo") -> list[Stage]:
    """The training, and its last checkpoint as a model folder."""
    steps = load(recipe).data["trainer"]["total_training_steps"]
    out, merged = run.folder / name, run.model(name)
    last = out / f"global_step_{steps}"
    command = [
        sys.executable, "-m", "verl.trainer.main_ppo", "--config-dir", str(recipe.parent), "--config-name", recipe.stem,
        f"actor_rollout_ref.model.path={run.model('sft')}",
        f"trainer.default_local_dir={out}", f"trainer.rollout_data_dir={out}/rollouts",
        f"++ray_kwargs.ray_init.runtime_env.env_vars.VERL_FILE_LOGGER_ROOT={out}/metrics",
        f"data.seed={run.seed}", f"actor_rollout_ref.rollout.seed={run.seed}", "trainer.logger=[console,file]",
        *settings,
    ]  # fmt: skip
    return [
        Stage(
            name, command, reads=[recipe, *reads], makes=[last / "actor/model_world_size_1_rank_0.pt"],
            resumes=[out], says=says, watch=partial(rollout_files, out / "rollouts", steps),
        ),
        own(
            "merge" if name == "grpo" else f"merge-{name}",
            "veRL: the last checkpoint as a Hugging Face folder, proved to be the same weights",
            "export", last, "--base", run.model("sft"), "--out", merged, makes=[merged / "config.json"],
        ),
    ]  # fmt: skip


def kept_rollouts(out: Path) -> list[str]:
    """Settings of a training that keeps its rollouts, and those of its validation, for the report."""
    return [f"{SAMPLER}.{what}={out / what}" for what in ("traces", "validation")]
