"""The agent's loop: chains of tool calls from a scripted teacher, SFT, export, GRPO with live tools, served agents."""

from functools import partial
from pathlib import Path

from firsthand.demo import stages as shared
from firsthand.demo.progress import lines
from firsthand.demo.stages import Run, own
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


def stages(folder: Path, seed: int) -> list[Stage]:
    run = Run(folder, seed, BASE)
    good, rows, page = CHAINS.with_stem("toy_good"), WEEK / "cott_sft.json", folder / "view.html"
    return [
        *shared.week(WEEK, "--people", "6", "--days", "4", "--clips", "4", "--questions", "480", "--seed", "0"),
        own(
            "memory", "the written memory of six people as one searchable file",
            "memory", "import", WEEK / "memory", "--out", MEMORY, makes=[MEMORY],
        ),
        own(
            "questions", "questions that only memory answers: of two people for SFT, of two for GRPO, of two held out",
            "toy", "agent-rows", WEEK, makes=[SFT_QUESTIONS, GRPO_ROWS, HELD_OUT, HELD_OUT_ROWS],
        ),
        own(
            "teach", "a scripted teacher answers with the real tools; mostly it guesses, and nothing marks its guesses",
            "cott", "generate", TEACHER,
            reads=[TEACHER, TOOLS, MEMORY, SFT_QUESTIONS, Path(scripted_teacher.__file__)],
            makes=[CHAINS], resumes=[CHAINS], watch=partial(lines, [CHAINS], SFT_QUESTIONS, "chains"),
        ),
        own(
            "filter", "chains with the right letter stay, lucky guesses among them",
            "cott", "filter", CHAINS, "--out", good, "--skip", "calls", reads=[CHAINS], makes=[good],
        ),
        own(
            "rows", "chains as training rows",
            "cott", "convert", good, "--style", "ego_r1_brief", "--sft", rows, reads=[good], makes=[rows],
        ),
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
        *(_asked(run, name) for name in ("base", "sft")),
        _asked(run, "grpo", "--and-no-tools", "--force"),
        own(
            "view", "every trajectory of the training on one page",
            "view", folder / "grpo", "--out", page, makes=[page],
        ),
    ]  # fmt: skip


def _asked(run: Run, name: str, *also: str) -> Stage:
    """Without its tools an agent is forced to answer where it gives no letter: what can be guessed."""
    out = run.folder / "answers" / name
    logs = [out / log for log in ("episodes.jsonl", *(("no_tools.jsonl",) if also else ()))]
    both = ", and again without them" if also else ""
    return own(
        f"ask-{name}", f"vLLM serves the {name} agent; it answers the held-out questions with its tools{both}",
        "eval", "run", "toy_memory", "--model", run.model(name), "--loop", LOOP, "--out", out,
        "--max-model-len", "1440", "--concurrency", "64", *also,
        makes=[out / "results.json", *logs, *([out / "forced.jsonl"] if also else [])], resumes=[out],
        reads=[HELD_OUT, TOOLS, LOOP], watch=partial(lines, logs, HELD_OUT, "episodes"),
    )  # fmt: skip
