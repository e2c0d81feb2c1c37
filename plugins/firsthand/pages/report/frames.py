"""Frames of a trajectory as small JPEGs inside the page: enough to see what was seen, small enough to mail."""

import base64
from io import BytesIO
from pathlib import Path

from PIL import Image

from firsthand.errors import UserError
from firsthand.media.paths import inside

MAX_EDGE = 480


def spread(frames: list[str], most: int) -> list[str]:
    """At most `most` frames, evenly spaced, the first and the last among them."""
    if len(frames) <= most:
        return frames
    return [frames[round(i * (len(frames) - 1) / max(most - 1, 1))] for i in range(most)]


def data_url(root: Path | str, path: str) -> str:
    full = inside(root, path)
    try:
        with Image.open(full) as image:
            small = image.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{path!r}: not a readable image ({error})") from None
    small.thumbnail((MAX_EDGE, MAX_EDGE))
    buffer = BytesIO()
    small.save(buffer, "JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
