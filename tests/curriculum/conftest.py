"""A pool of questions, a server whose model learns from round to round, and a trainer that only counts."""

import json
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from firsthand.curriculum.recipe import Recipe
from firsthand.question import Question
from firsthand.rollout import prompt
from firsthand.selection import region_file
from firsthand.selection.region_file import Region
from firsthand.tools.settings import read_as

ROOT = Path(__file__).parents[2]
ROWS = 60


def chance(*what: object) -> float:
    return zlib.crc32(" ".join(map(str, what)).encode()) / 2**32


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Every third question needs the hands; the others are solved by the question alone."""
    root = tmp_path / "data"
    root.mkdir()
    Image.new("RGB", (64, 48), (90, 120, 60)).save(root / "0.jpg")
    options, rows, regions = {"A": "cup", "B": "egg"}, [], []
    for n in range(ROWS):
        kind = "prior" if n % 3 else "hands"
        rows.append(
            Question(id=f"q{n}", question=f"{kind} {n} ?", options=options, answer="A", images=["0.jpg"],
                     data_source="made", split="train", label=kind)
        )  # fmt: skip
        regions.append(Region(id=f"q{n}", finder="made", size=(64, 48), frames=(0,), boxes=((8, 8, 24, 24),)))
    lines = [json.dumps(prompt.eval_row(row)) + "\n" for row in rows]
    (root / "pool.jsonl").write_text("".join(lines))
    (root / "start.jsonl").write_text("".join(lines[:20]))
    region_file.write(root / "regions.jsonl", regions)
    return root


@pytest.fixture
def learner(chat_server) -> Any:
    """Right about hands in half of the answers and blind in none; its prior is sure. It never changes by itself."""

    def answer(chat: Any, body: dict[str, Any]) -> None:
        content = body["messages"][-1]["content"]
        asked = (content if isinstance(content, str) else content[-1]["text"]).split()
        seen = not isinstance(content, str) and "iVBOR" not in json.dumps(content)
        right = 0.95 if asked[0] == "prior" else 0.7 * seen
        choices = []
        for number in range(body["n"]):
            letter = "A" if chance(asked[1], body["seed"] + number) < right else "B"
            message = {"role": "assistant", "content": f"<think>so</think>\n<answer>{letter}</answer>"}
            choices.append({"index": number, "message": message, "finish_reason": "stop"})
        usage = {"prompt_tokens": 10, "completion_tokens": body["n"], "total_tokens": 10 + body["n"]}
        chat.send(200, {"choices": choices, "usage": usage})

    return chat_server(answer, models=[f"round_{n}" for n in range(9)])


class Counting:
    """Stands for veRL: it leaves a checkpoint with the place in the file, and remembers what it trained on."""

    def __init__(self, recipe: Recipe, url: str) -> None:
        self.recipe, self.url, self.rows = recipe, url, dict[int, list[str]]()
        self.places: dict[int, bool] = {}  # round -> whether it resumed at the place in the file
        self.dies_in: int | None = None

    def train(self, number: int, rows: Path) -> None:
        folder, steps = self.recipe.checkpoints, self.recipe.steps
        self.places[number] = (folder / f"global_step_{number * steps}" / "data.pt").exists()
        self.rows[number] = [json.loads(line)["id"] for line in rows.read_text().splitlines()]
        checkpoint = folder / f"global_step_{(number + 1) * steps}"
        checkpoint.mkdir(parents=True, exist_ok=True)
        (checkpoint / "data.pt").write_text("place")
        (folder / "latest_checkpointed_iteration.txt").write_text(str((number + 1) * steps))

    @contextmanager
    def served(self, number: int):
        if number == self.dies_in:
            raise KeyboardInterrupt
        yield self.url, f"round_{number}"


@pytest.fixture
def make(data: Path, tmp_path: Path, learner, monkeypatch) -> Any:
    """out, changes of keys -> a recipe and a trainer for it"""
    monkeypatch.chdir(ROOT)
    select = {
        "pool": str(data / "pool.jsonl"),
        "regions": str(data / "regions.jsonl"),
        "out": str(tmp_path / "select"),
        "method": {"name": "csm"},
        "policy": {"model": "tiny", "servers": [learner.url], "retries": 2, "concurrency": 4},
        "reward": {"recipe": "recipes/grpo_qwen3vl_choice.yaml"},
    }
    (tmp_path / "select.yaml").write_text(yaml.safe_dump(select))

    def of(out: str, **changes: Any) -> tuple[Recipe, Counting]:
        keys = {
            "train": "recipes/tiny_grpo_qwen3vl_choice.yaml",
            "select": str(tmp_path / "select.yaml"),
            "start": str(data / "start.jsonl"),
            "out": str(tmp_path / out),
            "rounds": 4,
            "steps": 10,
            "probes": 12,
            "slice": 30,
            "stagnation": {"rest": 20},
        } | changes
        (tmp_path / f"{out}.yaml").write_text(yaml.safe_dump(keys))
        recipe = read_as(Recipe, tmp_path / f"{out}.yaml")
        return recipe, Counting(recipe, learner.url)

    return of
