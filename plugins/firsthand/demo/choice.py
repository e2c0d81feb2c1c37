"""The visual loop: a tiny Qwen3-VL learns to look at the hands. SFT, export, GRPO, merge, three served models.

Every stage is a command that a user can type alone; the demo only chooses the folders of this run and the seed.
"""

import sys
from pathlib import Path

from firsthand.demo.progress import grpo_steps, lines, llamafactory_log, rollout_files, trained_actor
from firsthand.stages import TWO_THREADS, Stage

WEEK = Path("datasets/toy")
BASE = Path("models/tiny_qwen3_vl")
SFT = Path("recipes/tiny_sft_qwen3vl_lora.yaml")
MERGE = Path("recipes/tiny_merge_qwen3vl_lora.yaml")
GRPO = Path("recipes/tiny_grpo_qwen3vl_choice.yaml")
REWARD = Path("reward_fns/choice.py")
SIZE = ["--people", "3", "--days", "3", "--questions", "480", "--seed", "0"]


def stages(run: Path, seed: int) -> list[Stage]:
    bin_dir = Path(sys.executable).parent
    firsthand, llamafactory = str(bin_dir / "firsthand"), str(bin_dir / "llamafactory-cli")
    sft, merged, grpo, final = run / "sft", run / "sft_merged", run / "grpo", run / "grpo_merged"
    steps = grpo_steps(GRPO)
    rows = [WEEK / "choice_sft.json", WEEK / "choice_grpo_train.parquet", WEEK / "choice_test.jsonl"]
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
            resumes=[sft],
            says="LLaMA-Factory: LoRA on the traces of an imperfect teacher",
            watch=llamafactory_log(sft / "trainer_log.jsonl"),
            env=TWO_THREADS,
        ),
        Stage(
            "export",
            [firsthand, "export", str(MERGE), f"adapter_name_or_path={sft}", f"export_dir={merged}"],
            reads=[MERGE],
            makes=[merged / "config.json"],
            says="LLaMA-Factory: merge the adapter; the merged model gives the logits of base + adapter",
            env=TWO_THREADS,
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
            reads=[GRPO, Path("recipes/grpo_qwen3vl_choice.yaml"), Path("recipes/shared/cpu.yaml"), REWARD, rows[1]],
            makes=[trained_actor(grpo, steps)],
            resumes=[grpo],
            says="veRL: reinforcement by right letters and format, rollouts by vLLM",
            watch=rollout_files(grpo / "rollouts", steps),
            env={"VERL_FILE_LOGGER_ROOT": f"{grpo}/metrics"},
        ),
        Stage(
            "merge",
            [firsthand, "export", f"{grpo}/global_step_{steps}", "--base", str(merged), "--out", str(final)],
            makes=[final / "config.json"],
            says="veRL: the last checkpoint as a Hugging Face folder, proved to be the same weights",
        ),
        *(
            Stage(
                f"ask-{name}",
                [firsthand, "demo", "ask", str(model), str(rows[2]), "--out", str(run / f"answers/{name}.jsonl")],
                makes=[run / f"answers/{name}.jsonl"],
                resumes=[run / f"answers/{name}.jsonl"],
                reads=[rows[2]],
                says=f"vLLM serves the {name} model; it answers the held-out questions",
                watch=lines(run / f"answers/{name}.jsonl", rows[2]),
            )
            for name, model in (("base", BASE), ("sft", merged), ("grpo", final))
        ),
    ]  # fmt: skip
