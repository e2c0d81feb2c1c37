"""The agent's loop: chains of tool calls from a scripted teacher, SFT, export, GRPO with live tools, served agents.

Every stage is a command that a user can type alone; the demo only chooses the folders of this run and the seed.
"""

import sys
from pathlib import Path

from firsthand.demo.progress import grpo_steps, lines, llamafactory_log, rollout_files, trained_actor
from firsthand.stages import TWO_THREADS, Stage
from firsthand.toy import scripted_teacher

WEEK = Path("datasets/toy_agent")
MEMORY = Path("outputs/toy_agent/memory.sqlite")
BASE = Path("models/tiny_qwen2_5")
TEACHER = Path("recipes/toy/teach.yaml")
CHAINS = Path("outputs/cott/toy.jsonl")
TOOLS = Path("recipes/toy/tools_agent.yaml")
LOOP = Path("recipes/toy/loop.yaml")
SFT = Path("recipes/ego_r1/tiny_sft_lora.yaml")
MERGE = Path("recipes/ego_r1/tiny_merge_lora.yaml")
GRPO = Path("recipes/ego_r1/tiny_grpo.yaml")
SIZE = ["--people", "6", "--days", "4", "--clips", "4", "--questions", "480", "--seed", "0"]


def stages(run: Path, seed: int) -> list[Stage]:
    bin_dir = Path(sys.executable).parent
    firsthand, llamafactory = str(bin_dir / "firsthand"), str(bin_dir / "llamafactory-cli")
    sft, merged, grpo, final = run / "sft", run / "sft_merged", run / "grpo", run / "grpo_merged"
    steps = grpo_steps(GRPO)
    good, rows, test = CHAINS.with_stem("toy_good"), WEEK / "cott_sft.json", WEEK / "agent_test.jsonl"
    return [
        Stage(
            "week",
            [firsthand, "toy", "build", str(WEEK), *SIZE],
            makes=[WEEK / "splits.json"],
            says="a synthetic egocentric week: real clips, captions, summaries, questions, known truth",
            watch=lambda: (len(list(WEEK.glob("*/*/*.mp4"))), 0, "clips"),
        ),
        Stage(
            "check",
            [firsthand, "toy", "check", str(WEEK)],
            says="labels hold, nothing is shared between the splits",
        ),
        Stage(
            "memory",
            [firsthand, "memory", "import", str(WEEK / "memory"), "--out", str(MEMORY)],
            makes=[MEMORY],
            says="the written memory of six people as one searchable file",
        ),
        Stage(
            "questions",
            [firsthand, "toy", "agent-rows", str(WEEK)],
            makes=[WEEK / "agent_train.jsonl", WEEK / "agent_grpo_train.parquet", test],
            says="questions that only memory answers",
        ),
        Stage(
            "teach",
            [firsthand, "cott", "generate", str(TEACHER)],
            reads=[TEACHER, TOOLS, MEMORY, WEEK / "agent_train.jsonl", Path(scripted_teacher.__file__)],
            makes=[CHAINS],
            resumes=[CHAINS],
            says="a scripted teacher answers with the real tools; most of the time it guesses, and nothing tells when",
            watch=lines(CHAINS, WEEK / "agent_train.jsonl", "chains"),
        ),
        Stage(
            "filter",
            [firsthand, "cott", "filter", str(CHAINS), "--out", str(good), "--skip", "calls"],
            reads=[CHAINS],
            makes=[good],
            says="chains with the right letter stay, lucky guesses among them",
        ),
        Stage(
            "rows",
            [firsthand, "cott", "convert", str(good), "--style", "ego_r1_brief", "--sft", str(rows)],
            reads=[good],
            makes=[rows],
            says="chains as training rows",
        ),
        Stage(
            "sft",
            [llamafactory, "train", str(SFT), "dataset=toy_cott", f"output_dir={sft}", f"seed={seed}",
             "num_train_epochs=6", "per_device_train_batch_size=8"],
            reads=[SFT, BASE, rows],
            makes=[sft / "adapter_model.safetensors"],
            resumes=[sft],
            says="LLaMA-Factory: LoRA on the chains",
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
                f"ray_kwargs.ray_init.runtime_env.env_vars.VERL_FILE_LOGGER_ROOT={grpo}/metrics",
                f"data.seed={seed}", f"actor_rollout_ref.rollout.seed={seed}", "trainer.logger=[console,file]",
                "trainer.val_before_train=False", "trainer.test_freq=-1",  # the held-out questions are asked below
            ],
            reads=[GRPO, Path("recipes/ego_r1/grpo.yaml"), Path("recipes/shared/cpu.yaml"), LOOP,
                   TOOLS, Path("reward_fns/ego_r1.py"), WEEK / "agent_grpo_train.parquet"],
            makes=[trained_actor(grpo, steps)],
            resumes=[grpo],
            says="veRL: several turns a question, each call carried out by the tools, rollouts by vLLM",
            watch=rollout_files(grpo / "rollouts", steps),
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
                [firsthand, "demo", "ask-agent", str(model), "--loop", str(LOOP),
                 "--out", str(run / "answers" / name)],
                makes=[run / f"answers/{name}/results.json"],
                resumes=[run / f"answers/{name}"],
                reads=[test, TOOLS, LOOP],
                says=f"vLLM serves the {name} agent; it answers the held-out questions, with its tools and without",
                watch=lines(run / f"answers/{name}/episodes.jsonl", test, "episodes"),
            )
            for name, model in (("base", BASE), ("sft", merged), ("grpo", final))
        ),
        Stage(
            "view",
            [firsthand, "view", str(grpo), "--out", str(run / "view.html")],
            makes=[run / "view.html"],
            says="every trajectory of the training on one page",
        ),
    ]  # fmt: skip
