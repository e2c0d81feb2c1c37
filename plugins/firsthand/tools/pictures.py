"""JPEGs within a budget of pixels, whole or as an enlarged part."""

import io
import math

from PIL import Image

QUALITY = 90


def shrink(jpeg: bytes, max_pixels: int) -> bytes:
    """The same bytes if they are within the budget; only the header is read then."""
    with Image.open(io.BytesIO(jpeg)) as image:
        if image.width * image.height <= max_pixels:
            return jpeg
        return _jpeg(image, max_pixels)


def crop(jpeg: bytes, box: tuple[float, float, float, float], max_pixels: int) -> bytes:
    """A part of a picture, its corners in thousandths, enlarged to as many pixels as the whole picture has."""
    with Image.open(io.BytesIO(jpeg)) as image:
        size = (image.width, image.height)
        left, top, right, bottom = (corner * size[i % 2] / 1000 for i, corner in enumerate(box))
        part = image.convert("RGB").crop(
            (math.floor(left), math.floor(top), max(math.ceil(right), math.floor(left) + 1), max(math.ceil(bottom), 1))
        )
        return _jpeg(part, min(max_pixels, size[0] * size[1]))


def _jpeg(image: Image.Image, pixels: int) -> bytes:
    """Resized to at most `pixels`, as near as whole numbers allow, in the same shape."""
    scale = math.sqrt(pixels / (image.width * image.height))
    size = (max(1, math.floor(image.width * scale)), max(1, math.floor(image.height * scale)))
    out = io.BytesIO()
    image.convert("RGB").resize(size, Image.Resampling.BICUBIC).save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
