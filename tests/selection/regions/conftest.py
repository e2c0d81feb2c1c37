"""Pictures whose contents are known, rows that show them, and a stand-in for CLIP that knows three colours."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from firsthand.question import Question
from firsthand.rollout import prompt

COLOURS = {"red": (220, 0, 0), "green": (0, 220, 0), "blue": (0, 0, 220)}


class Colours:
    """A picture is its mean colour, a text the colour that it names."""

    model = "colours"

    def images(self, pictures) -> np.ndarray:
        return self._unit(np.array([np.asarray(picture).reshape(-1, 3).mean(0) for picture in pictures]))

    def texts(self, texts) -> np.ndarray:
        return self._unit(np.array([COLOURS[text] for text in texts], float))

    def _unit(self, values: np.ndarray) -> np.ndarray:
        return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)


@pytest.fixture
def colours() -> Colours:
    return Colours()


def draw(path: Path, *squares: tuple[str, tuple[int, int, int, int]]) -> None:
    image = Image.new("RGB", (128, 96))
    for colour, box in squares:
        ImageDraw.Draw(image).rectangle(box, fill=COLOURS[colour])
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def question(name: str, paths: list[str], **more) -> Question:
    given = {"images": paths} if len(paths) == 1 else {"video": paths, "fps": 2.0}
    known = {"options": {"A": "red", "B": "green"}, "answer": "A", "data_source": "test", "split": "test", **more}
    return Question(id=name, question="which colour ?", **given, **known)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """One image and one video of two frames; the red square is above in the one, and moves in the other."""
    draw(tmp_path / "still.png", ("red", (10, 10, 40, 40)))
    draw(tmp_path / "first.png", ("red", (60, 10, 90, 40)), ("green", (10, 50, 40, 80)))
    draw(tmp_path / "second.png", ("red", (70, 50, 100, 80)))
    rows = [question("still", ["still.png"]), question("clip", ["first.png", "second.png"], label="interaction")]
    file = tmp_path / "eval.jsonl"
    file.write_text("".join(json.dumps(prompt.eval_row(row)) + "\n" for row in rows))
    return file
