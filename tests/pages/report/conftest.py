"""A small run to report on: curves, three models, trajectories with frames, and a model that writes hostile text."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

HOSTILE = (
    "<think></pre></script><script>document.documentElement.dataset.owned = 1</script>"
    '<img src=x onerror="document.documentElement.dataset.owned = 1"> <!-- & ]]> {{ 7 * 7 }} {% raw %}</think>'
    "<answer>B</answer>"
)


def draw_frame(path: Path, i: int) -> None:
    image = Image.new("RGB", (320, 240), (226, 214, 196))
    draw = ImageDraw.Draw(image)
    draw.rectangle([0, 150, 320, 240], fill=(150, 118, 86))
    draw.ellipse([40 + 18 * i, 110, 90 + 18 * i, 160], fill=(186, 64, 52))
    draw.rectangle([220, 90, 270, 165], fill=(74, 112, 150))
    draw.line([160, 240, 70 + 18 * i, 140], fill=(222, 178, 148), width=26)
    image.save(path, "JPEG")


def curve(rng: random.Random, start: float, end: float, steps: int = 60) -> list[list[float]]:
    return [
        [s, min(1.0, max(0.0, start + (end - start) * (s / steps) ** 0.6 + rng.gauss(0, 0.04)))]
        for s in range(1, steps + 1)
    ]


def sample_report() -> dict[str, Any]:
    rng = random.Random(0)
    labels = {"interaction": 80, "scene": 60, "social": 40}
    table = []
    for model, share, unparsed in [("base", 0.31, 22), ("sft", 0.52, 3), ("grpo", 0.66, 0)]:
        by = {
            label: {"n": n, "correct": round(n * (share + d))}
            for (label, n), d in zip(labels.items(), (0.06, -0.04, -0.02), strict=True)
        }
        correct = sum(group["correct"] for group in by.values())
        table.append({"model": model, "n": 180, "correct": correct, "unparsed": unparsed, "by": by})
    trajectories = []
    for i in range(6):
        sft, grpo = ("A", "B") if i % 3 == 0 else ("B", "B") if i % 3 == 1 else ("C", "D")
        trajectories.append(
            {
                "id": f"A1_JAKE/day2/{i:03}",
                "label": list(labels)[i % 3],
                "question": "What did I put on the table before I went back to the kitchen?",
                "options": {"A": "The blue kettle", "B": "The red cup", "C": "A notebook", "D": "Nothing"},
                "answer": "B",
                "frames": [f"frames/{i}_{j}.jpg" for j in range(8)],
                "outputs": {
                    "sft": f"<think>I see a hand and something blue.</think><answer>{sft}</answer>",
                    "grpo": "<think>The hand carries the red cup from left to right and lets go of it at the table; "
                    f"the kettle stays where it is.</think>\n<answer>{grpo}</answer>",
                },
                "parts": {
                    "sft": {"score": 0.2, "accuracy": float(sft == "B"), "format": 1.0},
                    "grpo": {"score": 1.1, "accuracy": float(grpo == "B"), "format": 1.0, "grounding": None},
                },
            }
        )
    trajectories[1]["outputs"]["grpo"] = HOSTILE
    trajectories[2]["outputs"]["sft"] = "The answer is B."
    return {
        "title": "Toy week, tiny Qwen3-VL",
        "subtitle": "SFT on 400 questions, then 60 GRPO steps; 180 questions held out by day.",
        "seed": 7,
        "commands": ["firsthand demo run --out runs/toy", "firsthand report build runs/toy --out report.html"],
        "stages": [{"name": "SFT", "seconds": 412}, {"name": "GRPO", "seconds": 3801.5}, {"name": "ask", "seconds": 9}],
        "curves": {
            "x": "step",
            "series": {
                "score": curve(rng, 0.4, 0.9),
                "accuracy": curve(rng, 0.3, 0.68),
                "format": curve(rng, 0.7, 0.99),
                "response length": [[s, 180 - s + rng.gauss(0, 9)] for s in range(1, 61)],
                "grounding": curve(rng, 0.1, 0.35, 12),
            },
        },
        "table": table,
        "comparisons": [
            {
                "a": "sft", "b": "grpo", "n": 180, "both": 80, "only_a": 14, "only_b": 39, "neither": 47,
                "difference": 25 / 180, "interval": [0.0611, 0.2167], "p_value": 0.00079, "resamples": 10000, "seed": 0,
            }
        ],
        "trajectories": trajectories,
        "notes": ["Made-up numbers: this run exists to test the page.", HOSTILE],
    }  # fmt: skip


def write_run(folder: Path, report: dict[str, Any]) -> Path:
    (folder / "frames").mkdir(parents=True)
    for trajectory in report["trajectories"]:
        for j, frame in enumerate(trajectory["frames"]):
            draw_frame(folder / frame, j)
    (folder / "report.json").write_text(json.dumps(report))
    return folder


@pytest.fixture
def report() -> dict[str, Any]:
    return sample_report()


@pytest.fixture
def run_dir(tmp_path: Path, report: dict[str, Any]) -> Path:
    return write_run(tmp_path / "run", report)
