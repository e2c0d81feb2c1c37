"""A contact sheet of regions on one page: frames with their boxes, the least sure rows first."""

import base64
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageDraw

from firsthand.errors import UserError
from firsthand.html.render import render
from firsthand.selection.region_file import Box, Region
from firsthand.selection.regions.shown import Pictures, Shown

HEIGHT = 132  # pixels of a thumbnail
FRAMES = 4  # of a row
BOX, CROP = "#e8590c", "#1a7f4b"


class Card(NamedTuple):
    name: str
    question: str
    note: str
    pictures: list[str]  # data URLs


def sheet(
    rows: Mapping[str, Shown],
    regions: list[Region],
    missing: Mapping[str, str],
    pictures: Callable[[Shown], Pictures],
    most: int,
) -> str:
    """A page of at most so many rows."""
    by_margin = sorted(regions, key=lambda region: (region.margin is None, region.margin))
    cards = [_card(rows[region.id], region, pictures(rows[region.id])) for region in by_margin[:most]]
    facts: dict[str, Any] = {
        "all": len(regions), "without": sum(not region.found for region in regions), "missing": dict(missing),
    }  # fmt: skip
    finder = f"{regions[0].finder} {regions[0].model or ''}" if regions else "nothing"
    return render(Path(__file__).with_name("sheet.html.jinja"), title="regions", cards=cards, finder=finder, **facts)


def _card(row: Shown, region: Region, pictures: Pictures) -> Card:
    if pictures.size != region.size:
        raise UserError(f"row {region.id}: its pictures have changed since the region was found")
    margin = "" if region.margin is None else f"margin {region.margin:.3f}"
    step = max(1, len(pictures.frames) // FRAMES)
    shown = [
        _thumbnail(frame, box, region.crop is not None and region.crop[0] == number)
        for number, frame, box in zip(pictures.numbers, pictures.frames, region.boxes, strict=True)
    ][::step][:FRAMES]
    return Card(region.id, row.question.question, margin, shown)


def _thumbnail(frame: Image.Image, box: Box | None, is_crop: bool) -> str:
    scale = HEIGHT / frame.height
    small, buffer = frame.resize((round(frame.width * scale), HEIGHT)), io.BytesIO()
    if box:
        ImageDraw.Draw(small).rectangle([side * scale for side in box], outline=CROP if is_crop else BOX, width=3)
    small.save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
