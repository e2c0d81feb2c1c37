"""The stages that both demos share. Each is a command that a user can type alone; a demo chooses the folders of its run
and the seed."""

import sys
from dataclasses import dataclass
from pathlib import Path

from firsthand.demo.progress import grpo_steps, llamafactory_log, rollout_files, trained_actor
from firsthand.stages import TWO_THREADS, Stage

FIRSTHAND = str(Path(sys.executable).with_name("firsthand"))
LLAMAFACTORY = str(Path(sys.executable).with_name("llamafactory-cli"))


@dataclass(frozen=True)
class Run:
    """The folder of one run, its seed, and where each of its models lies."""

    folder: Path
    seed: int
    base: Path

    @property
    def sft(self) -> Path:
        return self.folder / "sft"

    @property
    def grpo(self) -> Path:
        return self.folder / "grpo"

    @property
    def models(self) -> dict[str, Path]:
        return {"base": self.base, "sft": self.folder / "sft_merged", "grpo": self.folder / "grpo_merged"}


def week(folder: Path, size: list[str], says: str) -> list[Stage]:
    return [
        Stage(
            "week",
            [FIRSTHAND, "toy", "build", str(folder), *size],
            makes=[folder / "splits.json"],
            says=says,
            watch=lambda: (len(list(folder.glob("*/*/*.mp4"))), 0, "clips"),
        ),
        Stage(
            "check",
            [FIRSTHAND, "toy", "check", str(folder)],
            says="labels hold, nothing is shared between the splits",
        ),
    ]


def sft(run: Run, recipe: Path, rows: Path, says: str, *settings: str) -> Stage:
    return Stage(
        "sft",
        [LLAMAFACTORY, "train", str(recipe), f"output_dir={run.sft}", f"seed={run.seed}", *settings],
        reads=[recipe, run.base, rows],
        makes=[run.sft / "adapter_model.safetensors"],
        resumes=[run.sft],
        says=says,
        watch=llamafactory_log(run.sft / "trainer_log.jsonl"),
        env=TWO_THREADS,
    )


def export(run: Run, recipe: Path) -> Stage:
    merged = run.models["sft"]
    return Stage(
        "export",
        [FIRSTHAND, "export", str(recipe), f"adapter_name_or_path={run.sft}", f"export_dir={merged}"],
        reads=[recipe],
        makes=[merged / "config.json"],
        says="LLaMA-Factory: merge the adapter; the merged model gives the logits of base + adapter",
        env=TWO_THREADS,
    )


def grpo(run: Run, recipe: Path, reads: list[Path], says: str, *settings: str) -> list[Stage]:
    """The training, and its last checkpoint as a model folder."""
    steps = grpo_steps(recipe)
    command = [
        sys.executable, "-m", "verl.trainer.main_ppo", "--config-dir", str(recipe.parent), "--config-name", recipe.stem,
        f"actor_rollout_ref.model.path={run.models['sft']}",
        f"trainer.default_local_dir={run.grpo}", f"trainer.rollout_data_dir={run.grpo}/rollouts",
        f"++ray_kwargs.ray_init.runtime_env.env_vars.VERL_FILE_LOGGER_ROOT={run.grpo}/metrics",
        f"data.seed={run.seed}", f"actor_rollout_ref.rollout.seed={run.seed}", "trainer.logger=[console,file]",
        *settings,
    ]  # fmt: skip
    return [
        Stage(
            "grpo",
            command,
            reads=[recipe, *reads],
            makes=[trained_actor(run.grpo, steps)],
            resumes=[run.grpo],
            says=says,
            watch=rollout_files(run.grpo / "rollouts", steps),
        ),
        Stage(
            "merge",
            [FIRSTHAND, "export", f"{run.grpo}/global_step_{steps}",
             "--base", str(run.models["sft"]), "--out", str(run.models["grpo"])],
            makes=[run.models["grpo"] / "config.json"],
            says="veRL: the last checkpoint as a Hugging Face folder, proved to be the same weights",
        ),
    ]  # fmt: skip
