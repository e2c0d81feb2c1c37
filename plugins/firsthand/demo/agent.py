"""The agent's loop: chains of tool calls from a scripted teacher, SFT, export, GRPO with live tools, served agents.

Every stage is a command that a user can type alone; the demo only chooses the folders of this run and the seed.
"""

from pathlib import Path

from firsthand.demo import stages as shared
from firsthand.demo.progress import lines
from firsthand.demo.stages import FIRSTHAND, Run
from firsthand.stages import Stage
from firsthand.toy import scripted_teacher

WEEK = Path("datasets/toy_agent")
MEMORY = Path("outputs/toy_agent/memory.sqlite")
BASE = Path("models/tiny_qwen2_5")
TEACHER = Path("recipes/cott_toy.yaml")
CHAINS = Path("outputs/cott/toy.jsonl")
TOOLS = Path("recipes/tools_toy_agent.yaml")
LOOP = Path("recipes/agent_toy.yaml")
SFT = Path("recipes/tiny_sft_ego_cott_lora.yaml")
MERGE = Path("recipes/tiny_merge_ego_cott_lora.yaml")
GRPO = Path("recipes/tiny_grpo_ego_r1.yaml")
SFT_QUESTIONS = WEEK / "agent_sft.jsonl"
GRPO_ROWS = WEEK / "agent_grpo_train.parquet"
HELD_OUT = WEEK / "agent_test.jsonl"
HELD_OUT_ROWS = WEEK / "agent_grpo_test.parquet"
SIZE = ["--people", "6", "--days", "4", "--clips", "4", "--questions", "480", "--seed", "0"]


def stages(folder: Path, seed: int) -> list[Stage]:
    run = Run(folder, seed, BASE)
    good, rows = CHAINS.with_stem("toy_good"), WEEK / "cott_sft.json"
    return [
        *shared.week(WEEK, SIZE, "a synthetic egocentric week: real clips, captions, questions, known truth"),
        *_questions(),
        *_chains(good, rows),
        shared.sft(
            run, SFT, rows, "LLaMA-Factory: LoRA on the chains",
            "dataset=toy_cott", "num_train_epochs=5", "per_device_train_batch_size=8",
        ),
        shared.export(run, MERGE),
        *shared.grpo(
            run, GRPO, [Path("recipes/grpo_ego_r1.yaml"), Path("recipes/cpu.yaml"), LOOP, TOOLS,
                        Path("reward_fns/ego_r1.py"), GRPO_ROWS, HELD_OUT_ROWS],
            "veRL: several turns per question, each call carried out by the tools, rollouts by vLLM",
            f"data.val_files={HELD_OUT_ROWS}", "trainer.val_before_train=True", "trainer.test_freq=2",
        ),
        *(_asked(run, name) for name in run.models),
        Stage(
            "view",
            [FIRSTHAND, "view", str(run.grpo), "--out", str(folder / "view.html")],
            makes=[folder / "view.html"],
            says="every trajectory of the training on one page",
        ),
    ]  # fmt: skip


def _questions() -> list[Stage]:
    return [
        Stage(
            "memory",
            [FIRSTHAND, "memory", "import", str(WEEK / "memory"), "--out", str(MEMORY)],
            makes=[MEMORY],
            says="the written memory of six people as one searchable file",
        ),
        Stage(
            "questions",
            [FIRSTHAND, "toy", "agent-rows", str(WEEK)],
            makes=[SFT_QUESTIONS, GRPO_ROWS, HELD_OUT, HELD_OUT_ROWS],
            says="questions that only memory answers: of two people for SFT, of two for GRPO, of two held out",
        ),
    ]


def _chains(good: Path, rows: Path) -> list[Stage]:
    return [
        Stage(
            "teach",
            [FIRSTHAND, "cott", "generate", str(TEACHER)],
            reads=[TEACHER, TOOLS, MEMORY, SFT_QUESTIONS, Path(scripted_teacher.__file__)],
            makes=[CHAINS],
            resumes=[CHAINS],
            says="a scripted teacher answers with the real tools; most of the time it guesses, and nothing tells when",
            watch=lines(CHAINS, SFT_QUESTIONS, "chains"),
        ),
        Stage(
            "filter",
            [FIRSTHAND, "cott", "filter", str(CHAINS), "--out", str(good), "--skip", "calls"],
            reads=[CHAINS],
            makes=[good],
            says="chains with the right letter stay, lucky guesses among them",
        ),
        Stage(
            "rows",
            [FIRSTHAND, "cott", "convert", str(good), "--style", "ego_r1_brief", "--sft", str(rows)],
            reads=[good],
            makes=[rows],
            says="chains as training rows",
        ),
    ]


def _asked(run: Run, name: str) -> Stage:
    out = run.folder / "answers" / name
    return Stage(
        f"ask-{name}",
        [FIRSTHAND, "demo", "ask-agent", str(run.models[name]), "--loop", str(LOOP), "--out", str(out)],
        makes=[out / "results.json"],
        resumes=[out],
        reads=[HELD_OUT, TOOLS, LOOP],
        says=f"vLLM serves the {name} agent; it answers the held-out questions, with its tools and without",
        watch=lines(out / "episodes.jsonl", HELD_OUT, "episodes"),
    )
