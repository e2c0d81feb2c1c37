"""What the visual loop measured: scores with intervals, curves of every reward part, questions that GRPO changed."""

import os
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

from firsthand import files
from firsthand.answers import extract_choice
from firsthand.demo.measures import compared, means
from firsthand.demo.stages import MODELS
from firsthand.errors import UserError
from firsthand.evals.rows import Gold, Prediction, read_rows
from firsthand.evals.score import score
from firsthand.recipe import load
from firsthand.reward_fns.choice import compute_score

WEEK = Path("datasets/toy")
TEST = WEEK / "choice_test.jsonl"
GRPO = Path("recipes/grpo_qwen3vl_choice.yaml")
DIRECT = "direct"  # the fine-tuned model, asked without a thought
WAYS = {"direct": DIRECT, "thinking, before RL": "sft", "thinking, after RL": "grpo"}


def content(run: Path) -> dict[str, Any]:
    gold = read_rows(TEST, Gold)
    answers = {name: read_rows(run / f"answers/{name}/answers.jsonl", Prediction) for name in (*MODELS, DIRECT)}
    table = [score(name, answers[name], gold, by="label") for name in MODELS]
    return {
        **compared(table, answers, [("base", "sft"), ("sft", "grpo"), (DIRECT, "grpo")], gold),
        "title": "A tiny Qwen3-VL learns to look at the hands",
        "subtitle": "base, after SFT on an imperfect teacher, and after GRPO; held-out person of the toy week",
        "media_root": os.path.relpath(WEEK.resolve(), run.resolve()),  # pathlib learns this in Python 3.12
        "curves": {"x": "step", "series": reward_curves(run / "grpo/rollouts")},
        "tables": [_three_ways(run, answers, gold)],
        "trajectories": _trajectories(answers),
        "notes": [
            "Questions about interactions show all four options on the table: only the hands tell.",
            "The SFT traces look at the scene instead of the hands in most interaction questions, unmarked; "
            "GRPO sees only the right letter and the format.",
            "Greedy answers through vLLM's OpenAI server; half of the questions with one image, half with four frames.",
        ],
    }


def _three_ways(run: Path, answers: dict[str, dict[str, Prediction]], gold: dict[str, Gold]) -> dict[str, Any]:
    rows = []
    for way, name in WAYS.items():
        tally = score(way, answers[name], gold)
        low, high = tally.interval
        tokens = [row.get("completion_tokens") or 0 for row in files.read_jsonl(run / f"answers/{name}/answers.jsonl")]
        accuracy = f"{100 * tally.accuracy:.1f} ({100 * low:.0f}–{100 * high:.0f})"
        rows.append([way, accuracy, f"{fmean(tokens):.1f}", f"{100 * tally.unparsed / tally.n:.1f}"])
    return {
        "title": "Does the thought pay?",
        "head": [f"{len(gold)} questions", "right, % (95 %)", "tokens of an answer", "unreadable, %"],
        "rows": rows,
        "note": "The same fine-tuned model is asked at once and with a thought. It was taught one of the two: read "
        "the unreadable answers first. What the thought is worth after RL is the last row against the first.",
    }


def reward_curves(rollouts: Path) -> dict[str, list[tuple[int, float]]]:
    """Mean of every reward part a step, over veRL's own dump of the rollouts, by the reward function that was trained.

    veRL logs the total only; the parts are computed again from the same texts and must add up to the logged total.
    """

    def parts_of(row: dict[str, Any]) -> dict[str, float]:
        parts = reward(row["output"], row["gts"])
        if abs(row["score"] - parts["score"]) > 1e-4:
            raise UserError(f"{rollouts}: veRL logged {row['score']}, the reward function gives {parts['score']}")
        return parts | {"looks at the hands": float("hand has" in row["output"])}

    return means(rollouts, parts_of, "no rollouts; did GRPO run with trainer.rollout_data_dir?")


def reward(text: str, answer: str, letters: str = "ABCD") -> dict[str, float]:
    return compute_score("toy_choice", text, answer, {"letters": letters}, **_weights(GRPO))


@cache
def _weights(recipe: Path) -> dict[str, Any]:
    return load(recipe).data["reward"]["custom_reward_function"]["reward_kwargs"]


def _trajectories(answers: dict[str, dict[str, Prediction]]) -> list[dict[str, Any]]:
    """Questions that GRPO changed come first, then the rest; labels in turn."""
    rows = list(files.read_jsonl(TEST))

    def unchanged(row: dict[str, Any]) -> bool:
        sft, grpo = (extract_choice(answers[name][row["id"]].output, row["letters"]) for name in ("sft", "grpo"))
        return sft == grpo

    chosen = sorted(rows, key=unchanged)[:6]
    for label in sorted({row["label"] for row in rows}):
        chosen += [row for row in rows if row["label"] == label and row not in chosen][:2]
    shown = []
    for row in chosen:
        media = [part for part in row["messages"][-1]["content"] if isinstance(part, dict) and part["type"] != "text"]
        frames = [path for part in media for path in (part.get("video") or [part.get("image")])]
        outputs = {name: answers[name][row["id"]].output for name in MODELS}
        parts = {name: reward(text, row["answer"], row["letters"]) for name, text in outputs.items()}
        keep = {key: row[key] for key in ("id", "label", "question", "options", "answer")}
        shown.append({**keep, "frames": frames, "outputs": outputs, "parts": parts})
    return shown
