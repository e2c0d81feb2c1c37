"""Writes a week into a folder: videos, boxes, poses, captions, questions, splits and the truth that they come from.

    A1_JAKE/DAY1/DAY1_A1_JAKE_11094208.mp4            30 s, 20 fps, 128 x 96
    boxes/A1_JAKE/DAY1/DAY1_A1_JAKE_11094208.npz      left, right, interaction: int16 [600, 4], x0, y0, x1, y1,
                                                      -1 where absent; thing, verb: int8 [600], index into
                                                      world.OBJECTS and build.VERBS, -1 where nothing is held or done
    pose/A1_JAKE/DAY1/DAY1_A1_JAKE_11094208.npz       joints: float32 [600, 17, 3], x, y, visible
    memory/egolife/A1_JAKE/A1_JAKE_30s.json           and _10min, _1hour, _1day
    qa/EgoLifeQA_A1_JAKE.json
    truth/A1_JAKE.json                                rooms, tables and events of every clip
    splits.json, manifest.json

A clip's video is written last, so a clip whose video exists is finished and a build that was stopped goes on.
"""

import io
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from firsthand import files
from firsthand.errors import UserError
from firsthand.toy.week import captions, video, world
from firsthand.toy.week.motion import hand_box, joints, layout
from firsthand.toy.week.plan import FRAMES, Clip, Size, plan_week, to_json
from firsthand.toy.week.questions import LABELS, questions
from firsthand.toy.week.render import render_frame
from firsthand.toy.week.splits import SPLITS, assign
from firsthand.workers import default_workers, mapped

CARD = "README.md"  # the data card lies beside the week that is built
FORMAT = 2  # version of the folder's layout; a build never continues a folder of another format
VERBS = ("hold", *world.VERBS)  # what `verb` in the boxes' files counts
Counts = Counter[tuple[str, str]]  # (split, label) -> questions


def build(out: Path, size: Size, progress: Callable[[int, int], None] = lambda done, total: None) -> Counts:
    """Builds what is missing; calls `progress` with the number of clips done and of all clips."""
    _claim(out, size)
    plan = plan_week(size)
    clips = [clip for own in plan.values() for clip in own]
    missing = [clip for clip in clips if not (out / clip.video).exists()]
    there = len(clips) - len(missing)
    progress(there, len(clips))
    for done, _ in enumerate(mapped(partial(_write_clip, out), missing, default_workers()), there + 1):
        progress(done, len(clips))
    return _write_texts(out, plan, size)


def _claim(out: Path, size: Size) -> None:
    """The manifest says which build a folder belongs to; a build never touches another folder."""
    manifest, wanted = out / "manifest.json", {"format": FORMAT, **asdict(size)}
    if manifest.exists():
        found = files.read_json(manifest)
        different = [key for key in wanted if found.get(key) != wanted[key]]
        if different:
            says = ", ".join(f"{key} {found.get(key)} instead of {wanted[key]}" for key in different)
            raise UserError(f"{out} holds another week ({says}); choose another folder or delete this one")
    elif out.exists() and (not out.is_dir() or any(path.name != CARD for path in out.iterdir())):
        raise UserError(f"{out} is not empty and not a toy week (no manifest.json); choose another folder")
    else:
        files.write_json(manifest, wanted)


def _write_clip(out: Path, clip: Clip) -> None:
    states = [clip.state(frame) for frame in range(FRAMES)]
    places = list(map(lru_cache(maxsize=1)(layout), states))
    absent = (-1, -1, -1, -1)
    _write_arrays(
        out / f"boxes/{clip.path}.npz",
        left=np.array([hand_box(place.palms["left"]) for place in places], np.int16),
        right=np.array([hand_box(place.palms["right"]) for place in places], np.int16),
        interaction=np.array([place.region or absent for place in places], np.int16),
        thing=np.array([world.OBJECTS.index(state.thing) if state.thing else -1 for state in states], np.int8),
        verb=np.array([VERBS.index(state.verb) if state.verb else -1 for state in states], np.int8),
    )
    _write_arrays(out / f"pose/{clip.path}.npz", joints=np.array([joints(place.palms) for place in places], np.float32))
    files.write_bytes(out / clip.video, video.encode(map(lru_cache(maxsize=1)(render_frame), states)))


def _write_arrays(path: Path, **arrays: np.ndarray) -> None:
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
    files.write_bytes(path, content.getvalue())


def _write_texts(out: Path, plan: dict[str, list[Clip]], size: Size) -> Counts:
    asked = questions(plan, size)
    for identity, clips in plan.items():
        for level, records in captions.memory(clips).items():
            files.write_json(out / f"memory/egolife/{identity}/{identity}_{level}.json", records)
        files.write_json(out / f"qa/EgoLifeQA_{identity}.json", asked[identity])
        files.write_json(out / f"truth/{identity}.json", [to_json(clip) for clip in clips])
    splits = assign(size, plan, asked)
    files.write_json(out / "splits.json", splits)
    label = {row["ID"]: row["answerable_from"] for rows in asked.values() for row in rows}
    return Counter((split, label[name]) for split, parts in splits.items() for name in parts["questions"])


def question_table(counts: Counter[tuple[str, str]], size: Size) -> None:
    """Questions by split and label, and how many of the requested ones did not fit into the week."""
    from rich.console import Console
    from rich.table import Table

    table = Table("split", *LABELS, "all", title="questions")
    for split in SPLITS:
        numbers = [counts[split, label] for label in LABELS]
        table.add_row(split, *map(str, numbers), str(sum(numbers)))
    console = Console()
    console.print(table)
    short = size.people * size.questions - counts.total()
    if short > 0:
        console.print(f"{short} questions fewer than --questions asks for: the week is too small; give it more clips")
