"""A pool of questions about small pictures, and a server whose model is right as often as the kind of question says."""

import json
import threading
import zlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from firsthand.data.build import writers
from firsthand.question import Question
from firsthand.rollout import prompt
from firsthand.selection import region_file
from firsthand.selection.recipe import Recipe
from firsthand.selection.region_file import Region
from firsthand.tools.settings import read_as

ROOT = Path(__file__).parents[2]
RIGHT = {  # kind -> how often the model is right blind, in full, masked
    "prior": (0.9, 0.9, 0.9),
    "scene": (0.2, 0.95, 0.95),
    "interaction": (0.1, 0.95, 0.1),
    "hard": (0.05, 0.1, 0.1),
}
CONDITIONS = ("blind", "full", "masked")
PNG = "iVBOR"  # only masked frames are sent as PNG


def condition_of(body: dict[str, Any]) -> str:
    content = body["messages"][-1]["content"]
    return "blind" if isinstance(content, str) else "masked" if PNG in json.dumps(content) else "full"


def chance(*what: object) -> float:
    """The same number for the same question and seed in every condition, as of a model with one seed."""
    return zlib.crc32(" ".join(map(str, what)).encode()) / 2**32


@pytest.fixture
def model(chat_server) -> Any:
    """Servers of one model. Each has `requests`, and `script`, which may answer in its place."""

    def answer(chat: Any, body: dict[str, Any]) -> None:
        content = body["messages"][-1]["content"]
        asked = content if isinstance(content, str) else content[-1]["text"]
        if (script := chat.server.script) and script(chat, body, asked):
            return
        words, condition = asked.split(), condition_of(body)
        right = RIGHT[words[0]][CONDITIONS.index(condition)]
        choices = []
        for number in range(body["n"]):
            letter = "A" if chance(words[:2], body["seed"] + number) < right else "B"
            message = {"role": "assistant", "content": f"<think>so</think>\n<answer>{letter}</answer>"}
            choices.append({"index": number, "message": message, "finish_reason": "stop"})
        usage = {"prompt_tokens": 100, "completion_tokens": 20 * body["n"], "total_tokens": 100 + 20 * body["n"]}
        chat.send(
            200,
            {"id": "x", "object": "chat.completion", "created": 0, "model": "tiny", "usage": usage}
            | {"choices": choices},
        )

    return lambda script=None: chat_server(answer, script=script, lock=threading.Lock())


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """40 veRL rows, ten of each kind, half of them images and half lists of two frames; every one has a region."""
    root, questions, regions = tmp_path / "data", [], []
    root.mkdir()
    for number in range(2):
        Image.new("RGB", (64, 48), (90 * number, 120, 60)).save(root / f"{number}.jpg")
    for number in range(40):
        kind = [*RIGHT][number % 4]
        media: dict[str, Any] = {"images": ["0.jpg"]} if number % 8 < 4 else {"video": ["0.jpg", "1.jpg"], "fps": 2.0}
        options = {"A": "cup", "B": "egg"}
        questions.append(
            Question(id=f"q{number}", question=f"{kind} {number} ?", options=options, answer="A", data_source="made",
                     split="train", label=kind, **media)
        )  # fmt: skip
        frames = range(1 if "images" in media else 2)
        regions.append(
            Region(
                id=f"q{number}",
                finder="made",
                size=(64, 48),
                frames=tuple(frames),
                boxes=((8, 8, 24, 24),) * len(frames),
            )
        )
    with writers.table(root / "pool.parquet") as writer:
        writer.add(writers.pack("pool.parquet", [prompt.verl_row(one, i) for i, one in enumerate(questions)]))
    (root / "pool.jsonl").write_text("".join(json.dumps(prompt.eval_row(one)) + "\n" for one in questions))
    region_file.write(root / "regions.jsonl", regions)
    return root


@pytest.fixture
def make_recipe(pool: Path, tmp_path: Path) -> Any:
    """servers, changes of keys -> a recipe; `file=True` gives its path."""

    def make(*servers: Any, out: str = "out", file: bool = False, **changes: Any) -> Any:
        keys: dict[str, Any] = {
            "pool": str(pool / "pool.parquet"),
            "regions": str(pool / "regions.jsonl"),
            "out": str(tmp_path / out),
            "method": {"name": "csm"},
            "policy": {"model": "tiny", "servers": [one.url for one in servers], "retries": 0, "concurrency": 4},
            "reward": {"recipe": str(ROOT / "recipes/grpo_qwen3vl_choice.yaml")},
        } | changes
        path = tmp_path / f"{out}.yaml"
        path.write_text(yaml.safe_dump({key: value for key, value in keys.items() if value is not None}))
        return path if file else read_as(Recipe, path)

    return make


@pytest.fixture
def truth() -> Any:
    """number of a row, condition -> the accuracy of its five samples; `condition_of` a request."""

    def of(number: int, condition: str) -> float:
        kind, seed = [*RIGHT][number % 4], zlib.crc32(f"q{number}".encode()) & 0x7FFF_FFFF
        right = RIGHT[kind][CONDITIONS.index(condition)]
        return sum(chance([kind, str(number)], seed + i) < right for i in range(5)) / 5

    of.condition_of = condition_of  # type: ignore[attr-defined]
    return of


@pytest.fixture
def by_hand(truth) -> set[str]:
    """What both published filters keep. Every answer has its form, so R is half of that and half of the accuracy."""
    kept = set()
    for number in range(40):
        blind, full, masked = (truth(number, condition) for condition in ("blind", "full", "masked"))
        if (full - blind) / 2 > 0.1 + 1e-9 and full - masked > 0.5 + 1e-9:
            kept.add(f"q{number}")
    return kept


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reward of a recipe is looked for from here."""
    monkeypatch.chdir(ROOT)
