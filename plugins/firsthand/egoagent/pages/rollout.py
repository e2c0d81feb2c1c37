"""What a model expects, beside what came: the frame nearest to each predicted state, the body that it predicts.

The model predicts states and not pixels. A state is shown by the frame of the set that is nearest to it, and by that of
the same clip, which is the harder choice.
"""

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import BaseModel
from torch import Tensor

from firsthand import files
from firsthand.egoagent.data.batches import open_clips
from firsthand.egoagent.data.egoexo import JOINTS
from firsthand.egoagent.evaluation.clip_set import ClipSet, read_clips
from firsthand.egoagent.evaluation.models import open_agent, states
from firsthand.egoagent.evaluation.results import cells, heads, read_results
from firsthand.egoagent.evaluation.retrieval import Found, over_all, within_clip
from firsthand.html.render import render
from firsthand.pages.report.figures import HEIGHT, WIDTH, Chart, draw

TEMPLATES = Path(__file__).parent / "templates"
LOSSES = ("loss", "rep", "pred", "act", "confidence")
HEALTH = ("entropy", "marginal_entropy", "spread")
_LIMBS = (
    "left-shoulder right-shoulder", "left-hip right-hip", "nose left-eye", "nose right-eye", "left-eye left-ear",
    "right-eye right-ear",
    *(f"{side}-{upper} {side}-{lower}" for side in ("left", "right") for upper, lower in (
        ("shoulder", "elbow"), ("elbow", "wrist"), ("shoulder", "hip"), ("hip", "knee"), ("knee", "ankle"))),
)  # fmt: skip
LIMBS = [tuple(JOINTS.index(joint) for joint in limb.split()) for limb in _LIMBS]
MIDDLE, SCALE, HEAD_AT = 50.0, 46.0, 12.0  # of a drawing of 100 by 100: a metre is SCALE, the camera is at the top

Line = tuple[float, float, float, float]


class Skeleton(BaseModel):
    """Limbs as lines, seen from the head camera without perspective: what lies behind it is shown too."""

    true: list[Line]
    predicted: list[Line]
    error: float  # cm over visible joints


class Step(BaseModel):
    now: str  # data URLs
    next: str
    nearest: str
    in_clip: str
    rank: int  # of the true next frame among all
    right: bool  # whether the nearest of the clip is the true next frame
    skeleton: Skeleton


class Shown(BaseModel):
    take: str
    frame: int
    steps: list[Step]


@dataclass(frozen=True)
class Built:
    clips: int
    size: int


def build(
    run: Path, data: Path, out: Path, show: int, most: int, steps: int, results: Path | None, device: str,
    progress: Callable[[int, int], None],
) -> Built:  # fmt: skip
    test = read_clips(open_clips(str(data / "shards/val"), steps), most)
    done = 0

    def looked(count: int) -> None:
        nonlocal done
        done += count
        progress(done, len(test.facts))

    found = states(open_agent(run, device), test.clips, 64, looked)
    gallery = found.centred_observed[:, 1:]
    places = within_clip(found.centred_predicted, gallery), over_all(found.centred_predicted, gallery)
    picked = [number * len(test.facts) // min(show, len(test.facts)) for number in range(min(show, len(test.facts)))]
    page = render(
        TEMPLATES / "page.html.jinja",
        title=f"EgoAgent: {run.name}",
        run=str(run),
        data=str(data),
        clips=[_shown(clip, test, found.poses, *places) for clip in picked],
        judged=len(test.facts),
        charts=curves(run),
        box=(WIDTH, HEIGHT),
        heads=heads,
        cells=cells,
        results=read_results(results) if results else None,
    )
    files.write_text(out, page)
    return Built(len(picked), len(page.encode()))


def curves(run: Path) -> list[tuple[str, list[Chart]]]:
    """Charts by group; a run without metrics has none."""
    path = run / "metrics.jsonl"
    rows = list(files.read_jsonl(path)) if path.is_file() else []
    groups = []
    for title, names in (("Losses", LOSSES), ("Health", HEALTH)):
        series = {name: [(row["step"], row[name]) for row in rows if row.get(name) is not None] for name in names}
        if drawn := draw({name: points for name, points in series.items() if points}):
            groups.append((title, drawn))
    return groups


def _shown(clip: int, test: ClipSet, poses: Tensor, within: Found, everywhere: Found) -> Shown:
    images, fact = test.clips.images, test.facts[clip]
    frames = images[:, 1:].flatten(0, 1)
    steps = [
        Step(
            now=picture(images[clip, step]),
            next=picture(images[clip, step + 1]),
            nearest=picture(frames[everywhere.nearest[clip, step]]),
            in_clip=picture(images[clip, 1 + within.nearest[clip, step]]),
            rank=round(1 / float(everywhere.reciprocal[clip, step])),
            right=int(within.nearest[clip, step]) == step,
            skeleton=skeleton(
                *(one[clip, step, one.shape[2] // 2] for one in (test.clips.poses, poses, test.clips.visible))
            ),
        )
        for step in range(poses.shape[1])
    ]
    return Shown(take=fact["take_name"], frame=fact["frame"], steps=steps)


def skeleton(true: Tensor, predicted: Tensor, visible: Tensor) -> Skeleton:
    """Of one moment, [joints, 3] each; limbs with a hidden end are not drawn as true ones."""
    error = 100 * (true - predicted).norm(dim=-1)[visible]
    everything = torch.ones_like(visible)
    return Skeleton(
        true=_lines(true, visible),
        predicted=_lines(predicted, everything),
        error=float(error.mean()) if len(error) else 0.0,
    )


def _lines(joints: Tensor, drawn: Tensor) -> list[Line]:
    x = (MIDDLE + SCALE * joints[:, 0]).tolist()
    y = (HEAD_AT + SCALE * joints[:, 1]).tolist()
    limbs = [(first, second) for first, second in LIMBS if drawn[first] and drawn[second]]
    return [(round(x[a], 1), round(y[a], 1), round(x[b], 1), round(y[b], 1)) for a, b in limbs]


def picture(pixels: Tensor) -> str:
    """uint8 [3, height, width] as a data URL."""
    from PIL import Image

    target = io.BytesIO()
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(target, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(target.getvalue()).decode()}"
