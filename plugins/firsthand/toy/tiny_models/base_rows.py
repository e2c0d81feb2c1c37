"""The training rows of a tiny base model: drawn frames and short frame lists with drills, and text drills."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PIL import Image

from firsthand import files
from firsthand.question import StyleName
from firsthand.toy.tiny_models import drills
from firsthand.toy.tiny_models.memory_drills import memory_row, recital_row
from firsthand.toy.week.motion import layout
from firsthand.toy.week.render import render_frame
from firsthand.toy.week.world import State, random_state

VIDEO_FRAMES, VIDEO_FPS = 4, 2.0
QUALITY = 90
Draw = Callable[[random.Random], list[drills.Turn]]


def build_base_rows(out: Path, pictures: int, videos: int, texts: int, seed: int) -> None:
    """Writes `rows.json` with its frames, `letters.json`, and for a text-only model `recitals.json`, `texts.json`."""
    rng = random.Random(seed)
    _write_texts(out / "letters.json", drills.letters_row, "choice", 2 * texts, rng)
    _write_texts(out / "recitals.json", recital_row, "ego_r1_brief", 4 * texts, rng)
    _write_texts(out / "texts.json", _sightless_row, "ego_r1_brief", 4 * texts, rng)
    rows = []
    for number in range(pictures):
        state = random_state(rng)
        path = f"frames/{number:05d}.jpg"
        _save(state, out / path)
        seen = state if layout(state).grip else replace(state, thing=None)
        rows.append(_row(drills.chat(drills.picture_row(seen, rng, video=False), rng, "<image>"), images=[path]))
    for number in range(videos):
        state = random_state(rng)
        paths = [f"frames/v{number:05d}_{step}.jpg" for step in range(VIDEO_FRAMES)]
        for step, path in enumerate(paths):
            moment = replace(state, phase=(step + 0.5) / VIDEO_FRAMES, tick=state.tick + 10 * step)
            _save(moment, out / path)
        rows.append(_row(drills.chat(drills.picture_row(state, rng, video=True), rng, "<video>"), videos=[paths]))
    rows += [_row(drills.chat(drills.text_row(rng), rng)) for _ in range(texts)]
    rng.shuffle(rows)
    files.write_json(out / "rows.json", rows, indent=None)


def _write_texts(path: Path, draw: Draw, style: StyleName, count: int, rng: random.Random) -> None:
    files.write_json(path, [_row(drills.chat(draw(rng), rng, style=style)) for _ in range(count)], indent=None)


def _sightless_row(rng: random.Random) -> list[drills.Turn]:
    return drills.text_row(rng) if rng.random() < 0.4 else memory_row(rng)


def _save(state: State, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(render_frame(state)).save(path, quality=QUALITY)


def _row(messages: list, images: list | None = None, videos: list | None = None) -> dict:
    return {"messages": messages, "images": images or [], "videos": videos or []}
