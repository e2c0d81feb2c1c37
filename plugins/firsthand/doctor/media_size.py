"""How many tokens an image costs a model, from the size in its header: nothing is decoded."""

import math
from pathlib import Path


class Ruler:
    """Tokens of an image, shrunk to `max_pixels` as the frameworks do; 0 when the file cannot be measured."""

    def __init__(self, folder: Path, side: int):
        """`side` is that of the square of pixels which becomes one token."""
        self.folder, self.side = folder, side
        self.sizes: dict[str, tuple[int, int] | None] = {}

    def tokens(self, name: str, max_pixels: float) -> int:
        if name not in self.sizes:
            self.sizes[name] = _size(self.folder / name) or _size(Path(name))
        size = self.sizes[name]
        if size is None:
            return 0
        shrink = min(1.0, math.sqrt(max_pixels / (size[0] * size[1])))
        return math.prod(max(1, round(edge * shrink / self.side)) for edge in size)


def _size(path: Path) -> tuple[int, int] | None:
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
