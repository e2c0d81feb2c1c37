"""Rows of veRL as `firsthand data build` makes them, and recipes that pay for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firsthand import files
from firsthand.data.build.build import Options, build
from firsthand.data.build.catalogue import release

GOLDS = {  # each as it is written in Video-R1's form
    "multiple choice": ["A", "D"],
    "numerical": ["42", "3.5", "1,234", "25%", "7:30"],
    "OCR": ["EXIT 4", "停车"],
    "free-form": ["A man runs.", "yes", "他在跑"],
    "regression": ["12", "0"],
}
BEYOND = {  # types that the release lacks
    "math": ["\\frac{1}{2}"],
    "temporal grounding": ["12.5-18", "[0, 4.5]"],
    "spatial grounding": ["[4, 8, 40, 60]"],
    "pointing": ["[4, 8, 40, 60]"],
}
NEVER_PAID = {"25%", "7:30", "他在跑", "yes", "0"}  # in full, by the published code
RECIPE = """
defaults: [ppo_trainer, _self_]
data:
  train_files: {data}
reward:
  custom_reward_function: {{path: {path}, name: compute_score, reward_kwargs: {kwargs}}}
"""
REWARDS = Path(__file__).parents[2] / "reward_fns"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Rows of all five types, through the converter."""
    return built(tmp_path, [release_row(kind, gold) for kind, golds in GOLDS.items() for gold in golds])


def release_row(kind: str, gold: str, options: list[str] | None = None) -> dict[str, Any]:
    """As Video-R1's files have it; its evaluation files have `null` where a question has no options."""
    if kind == "multiple choice":
        options = options or ["A. runs", "B. sits", "C. eats", "D. sleeps"]
    return {
        "problem": "What happens?", "data_type": "video", "problem_type": kind, "options": options,
        "solution": f"<answer>{gold}</answer>", "path": "./a/b.mp4", "data_source": "x",
    }  # fmt: skip


def built(tmp_path: Path, rows: list[dict[str, Any]]) -> Path:
    files.write_json(tmp_path / "src/Video-R1-260k.json", [{"problem_id": n, **row} for n, row in enumerate(rows)])
    build(release("video_r1"), tmp_path / "src", tmp_path / "rows", ("rl",), Options(), lambda *_: None)
    return tmp_path / "rows/rl_train.parquet"


@pytest.fixture
def recipe(tmp_path: Path) -> Callable[..., Path]:
    def write(reward: str, kwargs: str = "{}", data: Path | None = None) -> Path:
        path = REWARDS / reward if (REWARDS / reward).exists() else tmp_path / reward
        file = tmp_path / "recipe.yaml"
        file.write_text(RECIPE.format(path=path, kwargs=kwargs, data=data or "none.parquet"))
        return file

    return write
