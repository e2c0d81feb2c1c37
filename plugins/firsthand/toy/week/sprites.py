"""The drawings: things, hands, signs and walls as (pixels, mask), ready to be copied into a frame.

Shapes are given in a unit square and drawn large with Pillow, then reduced; masks are hard, so that a thing's pixels
are the thing's colours and nothing else.
"""

import numpy as np
from PIL import Image, ImageDraw

from firsthand.toy.week.world import CELL, COLOURS, SLOTS, THINGS

Sprite = tuple[np.ndarray, np.ndarray]  # uint8 [h, w, 4] (RGBA), bool [h, w]
Colour = tuple[int, int, int]

SKIN, GLOVE, SLEEVE, TABLE = (226, 172, 130), (140, 225, 190), (246, 246, 246), (232, 228, 220)
LINE, WHITE, WATER = (45, 45, 45), (250, 250, 250), (110, 190, 255)
_FINE = 8  # pixels drawn per pixel kept

# name -> strokes (kind, colour or None for the thing's own, coordinates in the unit square)
_SHAPES: dict[str, list[tuple[str, Colour | None, list[float]]]] = {
    "cup": [
        ("ring", None, [0.55, 0.3, 0.98, 0.75]),
        ("poly", None, [0.08, 0.12, 0.76, 0.12, 0.68, 0.96, 0.16, 0.96]),
        ("oval", WHITE, [0.14, 0.06, 0.70, 0.22]),
    ],
    "bottle": [
        ("rect", None, [0.38, 0.02, 0.62, 0.4]),
        ("oval", None, [0.22, 0.25, 0.78, 0.62]),
        ("rect", None, [0.22, 0.44, 0.78, 0.98]),
        ("rect", WHITE, [0.26, 0.62, 0.74, 0.78]),
    ],
    "soap": [("oval", None, [0.02, 0.24, 0.98, 0.86]), ("oval", WHITE, [0.2, 0.36, 0.46, 0.5])],
    "towel": [
        ("rect", None, [0.08, 0.06, 0.92, 0.94]),
        ("rect", WHITE, [0.08, 0.2, 0.92, 0.27]),
        ("rect", WHITE, [0.08, 0.73, 0.92, 0.8]),
    ],
    "pillow": [
        ("poly", None, [0.02, 0.16, 0.5, 0.26, 0.98, 0.16, 0.9, 0.5, 0.98, 0.88, 0.5, 0.78, 0.02, 0.88, 0.1, 0.5]),
    ],
    "lamp": [
        ("rect", LINE, [0.45, 0.5, 0.55, 0.92]),
        ("rect", LINE, [0.25, 0.9, 0.75, 0.99]),
        ("poly", None, [0.3, 0.03, 0.7, 0.03, 0.98, 0.64, 0.02, 0.64]),
    ],
    "book": [
        ("rect", None, [0.08, 0.08, 0.92, 0.96]),
        ("rect", WHITE, [0.82, 0.12, 0.9, 0.92]),
        ("rect", WHITE, [0.24, 0.24, 0.66, 0.34]),
    ],
    "phone": [("rect", None, [0.22, 0.02, 0.78, 0.98]), ("rect", WHITE, [0.42, 0.86, 0.58, 0.92])],
    "plant": [
        ("oval", None, [0.02, 0.2, 0.5, 0.62]),
        ("oval", None, [0.5, 0.2, 0.98, 0.62]),
        ("oval", None, [0.28, 0.0, 0.72, 0.6]),
        ("poly", WHITE, [0.3, 0.66, 0.7, 0.66, 0.64, 0.99, 0.36, 0.99]),
    ],
    "can": [
        ("poly", None, [0.0, 0.1, 0.14, 0.06, 0.45, 0.7, 0.3, 0.8]),
        ("ring", None, [0.4, 0.05, 0.92, 0.6]),
        ("rect", None, [0.32, 0.34, 0.98, 0.96]),
    ],
    "hammer": [("rect", None, [0.38, 0.3, 0.62, 0.99]), ("rect", None, [0.02, 0.04, 0.98, 0.4])],
    "box": [
        ("rect", None, [0.03, 0.14, 0.97, 0.94]),
        ("rect", WHITE, [0.45, 0.14, 0.55, 0.94]),
        ("rect", WHITE, [0.03, 0.34, 0.97, 0.42]),
    ],
}
# room -> (ground, pattern, kind of pattern)
_WALLS: dict[str, tuple[Colour, Colour, str]] = {
    "kitchen": ((255, 205, 130), (205, 120, 60), "checker"),
    "bathroom": ((165, 220, 250), (240, 250, 255), "grid"),
    "bedroom": ((225, 170, 225), (150, 95, 165), "rows"),
    "office": ((205, 200, 165), (105, 105, 85), "columns"),
    "garden": ((130, 195, 120), (35, 105, 45), "hills"),
    "garage": ((60, 62, 72), (235, 190, 50), "diagonal"),
}
_SLEEVES: dict[str, tuple[Colour, Colour, int]] = {  # guest -> two colours, period of the stripes in pixels
    "mia": (WHITE, WHITE, 8),
    "leo": (LINE, LINE, 8),
    "noah": (WHITE, LINE, 6),
    "emma": (WHITE, LINE, 20),
}


def thing(name: str, size: int, tilted: bool = False) -> Sprite:
    image = _paper(size, size)
    for kind, colour, unit in _SHAPES[name]:
        _stroke(ImageDraw.Draw(image), kind, colour or COLOURS[THINGS[name].colour], [u * size * _FINE for u in unit])
    return _reduce(image.rotate(75) if tilted else image, size, size)


def arm(size: int, guest: str | None = None) -> Sprite:
    """An open hand, fingers up, and its sleeve below; the palm is the centre. A guest's comes from above."""
    length = 90
    image = _paper(size, size + 2 * length)
    draw, unit, top = ImageDraw.Draw(image), size * _FINE, length * _FINE
    first, second, period = _SLEEVES[guest] if guest else (SLEEVE, SLEEVE, 8)
    for band in range(0, length, period // 2):
        start = top + (size - 4 + band) * _FINE
        fill = (*(second if band % period else first), 255)
        draw.rectangle([0.12 * unit, start, 0.88 * unit, start + period // 2 * _FINE], fill=fill)
    skin = GLOVE if guest else SKIN
    for finger in range(4):
        left = (0.06 + 0.22 * finger) * unit
        _stroke(draw, "oval", skin, [left, top, left + 0.22 * unit, top + 0.7 * unit])
    draw.ellipse([0.04 * unit, top + 0.25 * unit, 0.96 * unit, top + unit], fill=(*skin, 255))
    return _reduce(image.rotate(180) if guest else image, size, size + 2 * length)


def fingers(size: int, guest: bool = False) -> Sprite:
    """Fingers closed over the lower edge of the held thing."""
    image = _paper(size, size)
    draw, unit = ImageDraw.Draw(image), size * _FINE
    for finger in range(4):
        left = 0.02 + 0.24 * finger
        box = [left * unit, 0.45 * unit, (left + 0.24) * unit, 0.98 * unit]
        _stroke(draw, "oval", GLOVE if guest else SKIN, box)
    return _reduce(image.rotate(180) if guest else image, size, size)


def sign(kind: str) -> Sprite:
    """The signs of a use: drops under what is poured, the lid of what is opened, strokes beside what is shaken."""
    size = 36
    image = _paper(size, size)
    draw, unit = ImageDraw.Draw(image), size * _FINE
    if kind == "pour":
        for x, y in ((0.05, 0.55), (0.16, 0.75), (0.04, 0.85)):
            _stroke(draw, "oval", WATER, [x * unit, y * unit, (x + 0.14) * unit, (y + 0.15) * unit])
    elif kind == "open":
        _stroke(draw, "oval", WHITE, [0.2 * unit, 0.02 * unit, 0.8 * unit, 0.24 * unit])
    else:
        for left, right, start in ((0.02, 0.5, 120), (0.5, 0.98, 300)):
            for grow in (0.0, 0.08):
                box = [(left + grow) * unit, (0.2 + grow) * unit, (right - grow) * unit, (0.8 - grow) * unit]
                draw.arc(box, start, start + 120, fill=(*LINE, 255), width=int(1.6 * _FINE))
    return _reduce(image, size, size)


def wall(room: str) -> Sprite:
    """uint8 [CELL + 8, WIDTH + 8, 4], a little larger than it shows so that jitter can shift it."""
    height, width = CELL + 8, SLOTS * CELL + 8
    ground, pattern, kind = _WALLS[room]
    y, x = np.mgrid[0:height, 0:width]
    on = {
        "checker": (x // 8 + y // 8) % 2 == 0,
        "grid": (x % 16 < 2) | (y % 16 < 2),
        "rows": y % 10 < 4,
        "columns": x % 12 < 5,
        "hills": (y > 16 + 8 * np.sin(x / 7)),
        "diagonal": (x + y) % 20 < 8,
    }[kind]
    return np.where(on[..., None], flat(pattern)[0], flat(ground)[0]), np.ones_like(on)


def flat(colour: Colour) -> Sprite:
    return np.array([[(*colour, 255)]], np.uint8), np.ones((1, 1), bool)


def _paper(width: int, height: int) -> Image.Image:
    return Image.new("RGBA", (width * _FINE, height * _FINE))


def _stroke(draw: ImageDraw.ImageDraw, kind: str, colour: Colour, at: list[float]) -> None:
    fill, pen = (*colour, 255), _FINE
    if kind == "rect":
        draw.rectangle(at, fill=fill, outline=LINE, width=pen)
    elif kind == "oval":
        draw.ellipse(at, fill=fill, outline=LINE, width=pen)
    elif kind == "ring":
        draw.ellipse(at, outline=fill, width=4 * pen)
    else:
        draw.polygon(at, fill=fill, outline=LINE, width=pen)


def _reduce(image: Image.Image, width: int, height: int) -> Sprite:
    small = np.asarray(image.resize((width, height), Image.Resampling.BOX))  # weighs colour by alpha, edges stay clean
    return small, small[..., 3] >= 128
