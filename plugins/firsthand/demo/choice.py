"""The visual loop: a tiny Qwen3-VL learns to look at the hands. SFT, export, GRPO, merge, three served models."""

from functools import partial
from pathlib import Path

from firsthand.demo import stages as shared
from firsthand.demo.progress import files_made, lines
from firsthand.demo.stages import MODELS, Run
from firsthand.stages import Stage

WEEK = Path("datasets/toy")
BASE = Path("models/tiny_qwen3_vl")
SFT = Path("recipes/tiny_sft_qwen3vl_lora.yaml")
MERGE = Path("recipes/tiny_merge_qwen3vl_lora.yaml")
GRPO = Path("recipes/tiny_grpo_qwen3vl_choice.yaml")
REWARD = Path("reward_fns/choice.py")


def stages(folder: Path, seed: int) -> list[Stage]:
    run = Run(folder, seed, BASE)
    taught, trained, held_out = (WEEK / f"choice_{name}" for name in ("sft.json", "grpo_train.parquet", "test.jsonl"))
    return [
        *shared.week(WEEK, "--people", "3", "--days", "3", "--questions", "480", "--seed", "0"),
        shared.own(
            "rows", "frames out of the clips; SFT traces, GRPO prompts, held-out questions",
            "toy", "rows", WEEK, "--seed", str(seed),
            makes=[taught, trained, held_out], watch=partial(files_made, WEEK, "frames/*.jpg", "frames"),
        ),
        shared.sft(run, SFT, taught, "LLaMA-Factory: LoRA on the traces of an imperfect teacher"),
        shared.export(run, MERGE),
        *shared.grpo(
            run, GRPO, [Path("recipes/grpo_qwen3vl_choice.yaml"), Path("recipes/shared/cpu.yaml"), REWARD, trained],
            "veRL: reinforcement by right letters and format, rollouts by vLLM",
            "trainer.val_before_train=False", "trainer.test_freq=-1",  # the held-out questions are asked below
        ),
        *(_asked(run, name, held_out) for name in MODELS),
        _asked(run, "sft", held_out, "--style", "direct"),
    ]  # fmt: skip


def _asked(run: Run, model: str, questions: Path, *style: str) -> Stage:
    """As the rows are written, or in another style, whose answers have its name."""
    name = style[-1] if style else model
    out = run.folder / "answers" / name
    return shared.own(
        f"ask-{name}", f"vLLM serves the {model} model; it answers the held-out questions{' at once' if style else ''}",
        "eval", "run", questions, "--model", run.model(model), "--out", out, *style,
        "--max-tokens", "24", "--max-model-len", "640", "--concurrency", "64",
        makes=[out / "answers.jsonl"], resumes=[out], reads=[questions],
        watch=partial(lines, [out / "answers.jsonl"], questions),
    )  # fmt: skip
