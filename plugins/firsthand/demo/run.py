"""The loop of the demo as stages: week, rows, SFT, export, GRPO, merge, three served models, report.

Every stage is a command that a user can type alone; the demo only chooses the folders of this run and the seed.
"""

import json
import sys
import time
from pathlib import Path

from rich.console import Console

from firsthand import files
from firsthand.demo.results import write_report
from firsthand.demo.stages import Stage, Watch, run_stages
from firsthand.errors import UserError

WEEK = Path("datasets/toy")
BASE = Path("models/tiny_qwen3_vl")
SFT = Path("recipes/tiny_sft_lora_qwen3vl.yaml")
MERGE = Path("recipes/tiny_merge_lora_qwen3vl.yaml")
GRPO = Path("recipes/tiny_grpo_qwen3vl_choice.yaml")
REWARD = Path("reward_fns/choice.py")
SIZE = ["--people", "3", "--days", "3", "--questions", "480", "--seed", "0"]

# A tiny model does many tiny operations: a second thread costs more than it brings, except in the large products.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "DISABLE_VERSION_CHECK": "1"}


def run_demo(run: Path, seed: int, console: Console) -> Path:
    """All stages; returns the path of the report."""
    if not SFT.exists():
        raise UserError("run the demo from the root of the repository: recipes/ is not here")
    began = time.monotonic()
    with files.alone(run, "demo"):
        seconds = run_stages(run, demo_stages(run, seed), console)
        report = write_report(run, seed, seconds, console)
    console.print(f"\n{time.monotonic() - began:.0f} s in this run, {sum(seconds.values()):.0f} s over all stages")
    console.print(f"the report: [bold]{report}[/bold]")
    return report


def demo_stages(run: Path, seed: int) -> list[Stage]:
    bin_dir = Path(sys.executable).parent
    firsthand, llamafactory = str(bin_dir / "firsthand"), str(bin_dir / "llamafactory-cli")
    sft, merged, grpo, final = run / "sft", run / "sft_merged", run / "grpo", run / "grpo_merged"
    steps = grpo_steps()
    metrics = grpo / "metrics" / f"{time.time():.0f}.jsonl"  # veRL begins its file anew at every start
    metrics.parent.mkdir(parents=True, exist_ok=True)
    rows = [WEEK / "choice_sft.json", WEEK / "choice_grpo_train.parquet", WEEK / "choice_test.jsonl"]
    export = [str(MERGE), f"adapter_name_or_path={sft}", f"export_dir={merged}"]
    return [
        Stage(
            "week",
            [firsthand, "toy", "build", str(WEEK), *SIZE],
            makes=[WEEK / "splits.json"],
            says="a synthetic egocentric week: real clips, captions, questions, known truth",
            watch=lambda: (len(list(WEEK.glob("*/*/*.mp4"))), 0, "clips"),
        ),
        Stage(
            "check",
            [firsthand, "toy", "check", str(WEEK)],
            says="labels hold, nothing is shared between the splits",
        ),
        Stage(
            "rows",
            [firsthand, "toy", "rows", str(WEEK), "--seed", str(seed)],
            makes=rows,
            says="frames out of the clips; SFT traces, GRPO prompts, held-out questions",
            watch=lambda: (len(list(WEEK.glob("frames/*.jpg"))), 0, "frames"),
        ),
        Stage(
            "sft",
            [llamafactory, "train", str(SFT), f"output_dir={sft}", f"seed={seed}"],
            reads=[SFT, BASE, rows[0]],
            makes=[sft / "adapter_model.safetensors"],
            says="LLaMA-Factory: LoRA on the traces of an imperfect teacher",
            watch=_llamafactory_log(sft / "trainer_log.jsonl"),
            env=ONE_THREAD,
        ),
        Stage(
            "export",
            [llamafactory, "export", *export],
            reads=[MERGE],
            makes=[merged / "config.json"],
            says="LLaMA-Factory: merge the adapter",
            env=ONE_THREAD,
        ),
        Stage(
            "verify",
            [firsthand, "export", "--check-only", *export],
            says="the merged model gives the logits of base + adapter",
        ),
        Stage(
            "grpo",
            [
                sys.executable, "-m", "verl.trainer.main_ppo", "--config-dir", str(GRPO.parent),
                "--config-name", GRPO.stem, f"actor_rollout_ref.model.path={merged}",
                f"trainer.default_local_dir={grpo}", f"trainer.rollout_data_dir={grpo}/rollouts",
                f"data.seed={seed}", f"actor_rollout_ref.rollout.seed={seed}", "trainer.logger=[console,file]",
                "trainer.val_before_train=False", "trainer.test_freq=-1",  # the held-out questions are asked below
            ],
            reads=[GRPO, Path("recipes/grpo_qwen3vl_choice.yaml"), Path("recipes/cpu.yaml"), REWARD, rows[1]],
            makes=[grpo / f"global_step_{steps}"],
            says="veRL: reinforcement by right letters and format, rollouts by vLLM",
            watch=_rollout_files(grpo / "rollouts", steps),
            env={"VERL_FILE_LOGGER_PATH": str(metrics)},
        ),
        Stage(
            "merge",
            [
                sys.executable, "-m", "verl.model_merger", "merge", "--backend", "fsdp",
                "--local_dir", f"{grpo}/global_step_{steps}/actor", "--target_dir", str(final),
            ],
            makes=[final / "config.json"],
            says="veRL: the last checkpoint as a Hugging Face folder",
        ),
        *(
            Stage(
                f"ask-{name}",
                [firsthand, "demo", "ask", str(model), str(rows[2]), "--out", str(run / f"answers/{name}.jsonl")],
                makes=[run / f"answers/{name}.jsonl"],
                reads=[rows[2]],
                says=f"vLLM serves the {name} model; it answers the held-out questions",
                watch=_lines(run / f"answers/{name}.jsonl", rows[2]),
            )
            for name, model in (("base", BASE), ("sft", merged), ("grpo", final))
        ),
    ]  # fmt: skip


def grpo_steps() -> int:
    import yaml

    return yaml.safe_load(GRPO.read_text())["trainer"]["total_training_steps"]


def _llamafactory_log(path: Path) -> Watch:
    def watch() -> tuple[int, int, str]:
        try:
            last = json.loads(path.read_text().splitlines()[-1])
        except (OSError, IndexError, json.JSONDecodeError):
            return 0, 0, ""
        return last["current_steps"], last["total_steps"], f"loss {last.get('loss', float('nan')):.3f}"

    return watch


def _rollout_files(folder: Path, steps: int) -> Watch:
    def watch() -> tuple[int, int, str]:
        done = sorted(folder.glob("*.jsonl"), key=lambda path: int(path.stem))
        if not done:
            return 0, steps, "starting Ray, vLLM and the actor"
        try:
            scores = [json.loads(line)["score"] for line in done[-1].read_text().splitlines()]
            return int(done[-1].stem), steps, f"mean reward {sum(scores) / len(scores):.2f}"
        except (json.JSONDecodeError, ZeroDivisionError):
            return int(done[-1].stem), steps, "step"

    return watch


def _lines(path: Path, of: Path) -> Watch:
    def watch() -> tuple[int, int, str]:
        total = of.read_text().count("\n") if of.exists() else 0
        done = path.read_text(errors="replace").count("\n") if path.exists() else 0
        return done, total, "answers" if done else "starting vLLM"

    return watch
