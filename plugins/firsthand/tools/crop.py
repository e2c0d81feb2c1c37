"""`crop`: an enlarged part of one frame, which goes into the conversation."""

import asyncio
import io
import math
from pathlib import Path
from typing import Annotated

from PIL import Image as Picture
from pydantic import Field

from firsthand import clock
from firsthand.tools.arguments import Arguments, Timestamp, moment
from firsthand.tools.protocol import Context, Image, Outcome, WrongArguments
from firsthand.tools.seeing import Sees
from firsthand.tools.settings import NoSettings as Settings
from firsthand.tools.shared import Shared

THINNEST = 20  # thousandths of a side; a thinner part has a shape that no processor takes
Corner = Annotated[float, Field(ge=0, le=1000)]

GIVES_IMAGES = True
NAME_IS_A_WORD = True


class CropArguments(Arguments):
    timestamp: Timestamp
    box: list[Corner] = Field(
        min_length=4,
        max_length=4,
        description="left, top, right, bottom in thousandths of the frame's width and height",
        examples=[[250, 250, 750, 750]],
    )


class Crop(Sees):
    name = "crop"
    description = Path(__file__).with_suffix(".txt").read_text().strip()
    arguments = CropArguments

    async def run(self, arguments: CropArguments, context: Context) -> Outcome:
        left, top, right, bottom = arguments.box
        if right - left < THINNEST or bottom - top < THINNEST:
            raise WrongArguments(f"crop: the box must be at least {THINNEST} wide and high, left < right, top < bottom")
        asked = moment(arguments.timestamp)
        image = await asyncio.to_thread(self._image, context, asked, (left, top, right, bottom))
        text = f"image 1: {clock.stamp(image.moment)}, box {arguments.box}"
        return Outcome("ok", text, (image,), spans=((image.moment, image.moment),))

    def _image(self, context: Context, asked: float, box: tuple[float, float, float, float]) -> Image:
        image = self._environment.image(context, asked)
        return Image(crop(image.jpeg, box, context.budget.pixels), image.moment)


def open_tool(shared: Shared, settings: Settings) -> Crop:
    return Crop(shared.environment)


def crop(jpeg: bytes, box: tuple[float, float, float, float], max_pixels: int) -> bytes:
    """A part of a picture, its corners in thousandths, enlarged to as many pixels as the whole picture has."""
    with Picture.open(io.BytesIO(jpeg)) as picture:
        left, top, right, bottom = (corner * picture.size[i % 2] / 1000 for i, corner in enumerate(box))
        left, top = min(math.floor(left), picture.width - 1), min(math.floor(top), picture.height - 1)
        right, bottom = max(math.ceil(right), left + 1), max(math.ceil(bottom), top + 1)
        scale = math.sqrt(min(max_pixels, picture.width * picture.height) / ((right - left) * (bottom - top)))
        size = max(1, int((right - left) * scale)), max(1, int((bottom - top) * scale))
        part = picture.convert("RGB").resize(size, Picture.Resampling.BICUBIC, (left, top, right, bottom))
    out = io.BytesIO()
    part.save(out, "JPEG", quality=90)
    return out.getvalue()
