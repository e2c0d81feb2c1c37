"""What the visual loop measured: scores with intervals, curves of every reward part, questions that GRPO changed."""

import json
import os
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml

from firsthand import files
from firsthand.answers import extract_choice
from firsthand.errors import UserError
from firsthand.evals.rows import Gold, Prediction, read_rows
from firsthand.evals.score import compare, score
from firsthand.evals.tables import print_scores
from firsthand.reward_fns.choice import compute_score

MODELS = ("base", "sft", "grpo")
WEEK = Path("datasets/toy")
TEST = WEEK / "choice_test.jsonl"
GRPO = Path("recipes/grpo_qwen3vl_choice.yaml")


def content(run: Path) -> dict[str, Any]:
    gold = read_rows(TEST, Gold)
    answers = {name: read_rows(run / f"answers/{name}/answers.jsonl", Prediction) for name in MODELS}
    scores = [score(name, answers[name], gold, by="label") for name in MODELS]
    pairs = [("base", "sft"), ("sft", "grpo")]
    comparisons = [compare((a, answers[a]), (b, answers[b]), gold) for a, b in pairs]
    print_scores(scores, comparisons)
    return {
        "title": "A tiny Qwen3-VL learns to look at the hands",
        "subtitle": "base, after SFT on an imperfect teacher, and after GRPO; held-out person of the toy week",
        "media_root": os.path.relpath(WEEK.resolve(), run.resolve()),  # pathlib learns this in Python 3.12
        "curves": {"x": "step", "series": reward_curves(run / "grpo/rollouts")},
        "table": [item.model_dump() for item in scores],
        "comparisons": [item.model_dump() for item in comparisons],
        "trajectories": _trajectories(answers),
        "notes": [
            "Questions about interactions show all four options on the table: only the hands tell.",
            "The SFT traces look at the scene instead of the hands in most interaction questions, unmarked; "
            "GRPO sees only the right letter and the format.",
            "Greedy answers through vLLM's OpenAI server; half of the questions with one image, half with four frames.",
        ],
    }


def reward_curves(rollouts: Path) -> dict[str, list[tuple[int, float]]]:
    """Mean of every reward part a step, over veRL's own dump of the rollouts, by the reward function that was trained.

    veRL logs the total only; the parts are computed again from the same texts and must add up to the logged total.
    """
    weights = yaml.safe_load(GRPO.read_text())["reward"]["custom_reward_function"]["reward_kwargs"]
    series: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for path in sorted(rollouts.glob("*.jsonl"), key=lambda item: int(item.stem)):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        parts = [compute_score("toy_choice", row["output"], row["gts"], **weights) for row in rows]
        for row, part in zip(rows, parts, strict=True):
            if abs(row["score"] - part["score"]) > 1e-4:
                raise UserError(f"{path}: veRL logged {row['score']}, the reward function gives {part['score']}")
        for name in parts[0]:
            series[name].append((int(path.stem), statistics.fmean(part[name] for part in parts)))
        looks = [float("hand has" in row["output"]) for row in rows]
        series["looks at the hands"].append((int(path.stem), statistics.fmean(looks)))
    if not series:
        raise UserError(f"{rollouts}: no rollouts; did GRPO run with trainer.rollout_data_dir?")
    return dict(series)


def _trajectories(answers: dict[str, dict[str, Prediction]]) -> list[dict[str, Any]]:
    """Questions that GRPO changed come first, then the rest; labels in turn."""
    weights = yaml.safe_load(GRPO.read_text())["reward"]["custom_reward_function"]["reward_kwargs"]
    rows = list(files.read_jsonl(TEST))

    def changed(row: dict[str, Any]) -> bool:
        letters = [extract_choice(answers[name][row["id"]].output, row["letters"]) for name in ("sft", "grpo")]
        return letters[0] != letters[1]

    chosen = sorted(rows, key=lambda row: not changed(row))[:6]
    for label in sorted({row["label"] for row in rows}):
        chosen += [row for row in rows if row["label"] == label and row not in chosen][:2]
    shown = []
    for row in chosen:
        media = [part for part in row["messages"][-1]["content"] if isinstance(part, dict) and part["type"] != "text"]
        frames = [path for part in media for path in (part.get("video") or [part.get("image")])]
        outputs = {name: answers[name][row["id"]].output for name in MODELS}
        parts = {
            name: compute_score("toy_choice", text, row["answer"], {"letters": row["letters"]}, **weights)
            for name, text in outputs.items()
        }
        keep = {key: row[key] for key in ("id", "label", "question", "options", "answer")}
        shown.append({**keep, "frames": frames, "outputs": outputs, "parts": parts})
    return shown
