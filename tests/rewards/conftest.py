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
    made: list[dict[str, Any]] = []
    for kind, golds in GOLDS.items():
        for gold in golds:
            options = ["A. runs", "B. sits", "C. eats", "D. sleeps"] if kind == "multiple choice" else []
            made.append({
                "problem_id": len(made), "problem": "What happens?", "data_type": "video", "problem_type": kind,
                "options": options, "solution": f"<answer>{gold}</answer>", "path": "./a/b.mp4", "data_source": "x",
            })  # fmt: skip
    files.write_json(tmp_path / "src/Video-R1-260k.json", made)
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
