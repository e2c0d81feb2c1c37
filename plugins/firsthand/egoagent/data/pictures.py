"""Image files: decoded, brought to one size, and checked, with the file named in every error."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from firsthand.errors import UserError

_BROKEN = (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def opened(content: bytes, where: object) -> Image.Image:
    """A whole image, decoded."""
    try:
        image = Image.open(io.BytesIO(content))
        image.load()
        return image
    except _BROKEN as error:
        raise UserError(f"{where}: not an image that can be decoded ({error})") from None


def rgb(content: bytes, where: object) -> np.ndarray:
    """uint8 [3, height, width]; grey images become three equal channels."""
    return np.ascontiguousarray(np.asarray(opened(content, where).convert("RGB")).transpose(2, 0, 1))


def at_size(path: Path, size: int | None) -> tuple[bytes, tuple[int, int]]:
    """The file as it is, or as a square JPEG of `size`: its shorter side scaled, its middle cut out. With its (width,
    height)."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    image = opened(content, path)
    if size is None or image.size == (size, size):
        return content, image.size
    target = io.BytesIO()
    middle_square(image, size, size).save(target, "JPEG", quality=95)
    return target.getvalue(), (size, size)


def middle_square(image: Image.Image, shorter: int, size: int) -> Image.Image:
    """The middle square of `size` after the shorter side became `shorter`."""
    image = image if image.mode in ("L", "RGB") else image.convert("RGB")
    scale = shorter / min(image.size)
    width, height = (max(size, round(side * scale)) for side in image.size)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - size) // 2, (height - size) // 2
    return image.crop((left, top, left + size, top + size))
