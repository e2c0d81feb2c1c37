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
TEACHER = Path("recipes/toy/teach.yaml")
CHAINS = Path("outputs/cott/toy.jsonl")
TOOLS = Path("recipes/toy/tools_agent.yaml")
LOOP = Path("recipes/toy/loop.yaml")
SFT = Path("recipes/ego_r1/tiny_sft_lora.yaml")
MERGE = Path("recipes/ego_r1/tiny_merge_lora.yaml")
GRPO = Path("recipes/ego_r1/tiny_grpo.yaml")
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
            run, GRPO, [Path("recipes/ego_r1/grpo.yaml"), Path("recipes/shared/cpu.yaml"), LOOP, TOOLS,
                        Path("reward_fns/ego_r1.py"), GRPO_ROWS, HELD_OUT_ROWS],
            "veRL: several turns per question, each call carried out by the tools, rollouts by vLLM",
            f"data.val_files={HELD_OUT_ROWS}", "trainer.val_before_train=True", "trainer.test_freq=2",
        ),
        *(stage for name in run.models for stage in _asked(run, name)),
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


def _asked(run: Run, name: str) -> list[Stage]:
    """With its tools; the trained agent also without them, where an answer is forced if it gives none."""
    out = run.folder / "answers" / name
    command = [FIRSTHAND, "eval", "run", "toy_memory", "--model", str(run.models[name]), "--loop", str(LOOP)]
    command += ["--out", str(out), "--max-model-len", "1440", "--concurrency", "64"]
    asked = Stage(
        f"ask-{name}",
        command,
        makes=[out / "results.json"],
        resumes=[out],
        reads=[HELD_OUT, TOOLS, LOOP],
        says=f"vLLM serves the {name} agent; it answers the held-out questions with its tools",
        watch=lines(out / "episodes.jsonl", HELD_OUT, "episodes"),
    )
    if name != "grpo":
        return [asked]
    alone = Stage(
        "ask-grpo-alone",
        [*command, "--no-tools", "--force"],
        makes=[out / "no_tools.jsonl", out / "forced.jsonl"],
        reads=[HELD_OUT, LOOP],
        says="the same agent without tools, its answer forced: what can be guessed",
        watch=lines(out / "no_tools.jsonl", HELD_OUT, "episodes"),
    )
    return [asked, alone]
