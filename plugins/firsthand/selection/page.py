"""One page of a selection: what was kept and why, both histograms with their thresholds, examples with frames."""

import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw
from pydantic import BaseModel

from firsthand.errors import UserError
from firsthand.files import write_text
from firsthand.html.render import render
from firsthand.llm.messages import Text, data_url
from firsthand.media.paths import inside
from firsthand.media.reading import image_faults, read_clip
from firsthand.selection.csm import Csm
from firsthand.selection.pool import Row
from firsthand.selection.region_file import Region

if TYPE_CHECKING:
    from firsthand.selection.run import Inputs, Result

EXAMPLES, FRAMES, THUMBNAIL = 3, 4, 200  # for each reason; of each example; pixels of the longer side
BINS, WIDTH, HEIGHT = 20, 440, 130


class Bar(BaseModel):
    x: float
    y: float
    height: float
    said: str


class Histogram(BaseModel):
    title: str
    bars: list[Bar]
    threshold: float | None  # where it stands in the drawing
    said: str
    width: float = WIDTH / BINS


class Example(BaseModel):
    id: str
    question: str
    answer: str
    facts: str
    frames: list[str]
    why: str


def write(inputs: "Inputs", result: "Result") -> None:
    recipe, method = inputs.recipe, inputs.recipe.method
    histograms = []
    if isinstance(method, Csm) and method.coarse:
        at = method.coarse.threshold
        signed = method.coarse.mode == "signed"
        histograms.append(_histogram("full - blind", result, "gain", at if signed else None))
    if isinstance(method, Csm) and method.fine:
        histograms.append(_histogram("full - masked", result, "drop", method.fine.threshold))
    page = render(
        Path(__file__).with_name("page.html.jinja"),
        title=f"{recipe.out.name}: {result.summary['kept']} of {result.summary['rows']} rows",
        recipe=recipe,
        summary=result.summary,
        reasons=result.reasons.most_common(),
        histograms=histograms,
        examples=_examples(inputs, result),
        height=HEIGHT,
    )
    write_text(recipe.out / "selection.html", page)


def _histogram(title: str, result: "Result", key: str, threshold: float | None) -> Histogram:
    values = [line[key] for line in result.lines if line[key] is not None]
    counts = Counter(min(BINS - 1, max(0, int((value + 1) / 2 * BINS + 1e-9))) for value in values)
    most = max(counts.values(), default=1)
    bars = []
    for place in range(BINS):
        height = counts[place] / most * HEIGHT
        left = place * 2 / BINS - 1
        said = f"{counts[place]} rows from {left:+.1f} to {left + 2 / BINS:+.1f}"
        bars.append(Bar(x=place * WIDTH / BINS, y=HEIGHT - height, height=height, said=said))
    at = None if threshold is None else (threshold + 1) / 2 * WIDTH
    return Histogram(title=title, bars=bars, threshold=at, said=f"{len(values)} rows, threshold {threshold}")


def _examples(inputs: "Inputs", result: "Result") -> dict[str, list[Example]]:
    """The first rows of each reason, in the order of the pool."""
    wanted: dict[str, list[Example]] = {reason: [] for reason, _ in result.reasons.most_common()}
    lines = {line["number"]: line for line in result.lines}
    for row in inputs.pool:
        examples = wanted[lines[row.number]["reason"]]
        if len(examples) < EXAMPLES:
            examples.append(_example(inputs, row, lines[row.number]))
    return wanted


def _example(inputs: "Inputs", row: Row, line: dict[str, Any]) -> Example:
    said = [
        f"{name} {line[name]:.2f}" for name in ("blind", "full", "masked", "gain", "drop") if line[name] is not None
    ]
    try:
        frames = _frames(inputs, row)
    except UserError as error:
        frames, said = [], [*said, str(error)]
    return Example(
        id=row.id,
        question=_words(row),
        answer=str(row.truth),
        facts=", ".join([row.label, *said] if row.label else said),
        frames=frames,
        why=line["why"],
    )


def _words(row: Row) -> str:
    last = row.asked.messages[-1] if row.asked else None
    if last is None or isinstance(last.content, str):
        return str(last.content) if last else row.problem
    return "".join(part.text for part in last.content if isinstance(part, Text))


def _frames(inputs: "Inputs", row: Row) -> list[str]:
    region, root = inputs.regions.get(row.id), inputs.pool.root
    if row.asked and row.asked.video_file:
        pictures = read_clip(inside(root, row.asked.video_file), **inputs.recipe.of_sampling()).frames
        return [_thumbnail(pictures[place], place, region) for place in _spread(len(pictures))]
    shown = []
    for place in _spread(len(row.frames)):
        with image_faults(row.frames[place]), Image.open(inside(root, row.frames[place])) as picture:
            shown.append(_thumbnail(picture.convert("RGB"), place, region))
    return shown


def _spread(count: int) -> Sequence[int]:
    return range(count) if count <= FRAMES else [round(i * (count - 1) / (FRAMES - 1)) for i in range(FRAMES)]


def _thumbnail(picture: Image.Image, place: int, region: Region | None) -> str:
    picture = picture.copy()
    for at, box in zip(region.frames, region.boxes, strict=True) if region else ():
        if at == place and box:
            ImageDraw.Draw(picture).rectangle(box, outline=(255, 60, 60), width=max(1, picture.width // 100))
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return data_url(buffer.getvalue())
