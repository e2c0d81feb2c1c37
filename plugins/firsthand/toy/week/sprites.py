"""The drawings: things, hands, signs and walls as (pixels, mask), ready to be copied into a frame.

Shapes are given in a unit square and drawn large with Pillow, then reduced; masks are hard, so that a thing's pixels
are the thing's colours and nothing else.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from firsthand.toy.week.world import CELL, COLOURS, SLOTS, THINGS

Sprite = tuple[np.ndarray, np.ndarray]  # uint8 [h, w, 4] (RGBA), bool [h, w]
Colour = tuple[int, int, int]

SKIN, GLOVE, SLEEVE, TABLE = (226, 172, 130), (140, 225, 190), (246, 246, 246), (232, 228, 220)
LINE, WHITE, WATER = (45, 45, 45), (250, 250, 250), (110, 190, 255)
_FINE = 8  # pixels drawn per pixel kept

# name -> strokes: where it has another colour than the thing, that colour; the kind; its corners in % of a square
_SHAPES = {
    "cup": "ring 55 30 98 75, poly 8 12 76 12 68 96 16 96, white oval 14 6 70 22",
    "bottle": "rect 38 2 62 40, oval 22 25 78 62, rect 22 44 78 98, white rect 26 62 74 78",
    "soap": "oval 2 24 98 86, white oval 20 36 46 50",
    "towel": "rect 8 6 92 94, white rect 8 20 92 27, white rect 8 73 92 80",
    "pillow": "poly 2 16 50 26 98 16 90 50 98 88 50 78 2 88 10 50",
    "lamp": "line rect 45 50 55 92, line rect 25 90 75 99, poly 30 3 70 3 98 64 2 64",
    "book": "rect 8 8 92 96, white rect 82 12 90 92, white rect 24 24 66 34",
    "phone": "rect 22 2 78 98, white rect 42 86 58 92",
    "plant": "oval 2 20 50 62, oval 50 20 98 62, oval 28 0 72 60, white poly 30 66 70 66 64 99 36 99",
    "can": "poly 0 10 14 6 45 70 30 80, ring 40 5 92 60, rect 32 34 98 96",
    "hammer": "rect 38 30 62 99, rect 2 4 98 40",
    "box": "rect 3 14 97 94, white rect 45 14 55 94, white rect 3 34 97 42",
}
# verb -> drops under what is poured, the lid of what is opened, strokes beside what is shaken
_SIGNS = {
    "pour": "oval 5 55 19 70, oval 16 75 30 90, oval 4 85 18 100",
    "open": "white oval 20 2 80 24",
    "shake": "left 2 20 50 80, left 10 28 42 72, right 50 20 98 80, right 58 28 90 72",
}
_SPREAD = "oval 6 0 28 70, oval 28 0 50 70, oval 50 0 72 70, oval 72 0 94 70"  # the fingers of an open hand
_CLOSED = "oval 2 45 26 98, oval 26 45 50 98, oval 50 45 74 98, oval 74 45 98 98"
# room -> ground, pattern, where the pattern is
_WALLS: dict[str, tuple[Colour, Colour, Callable[[np.ndarray, np.ndarray], np.ndarray]]] = {
    "kitchen": ((255, 205, 130), (205, 120, 60), lambda x, y: (x // 8 + y // 8) % 2 == 0),
    "bathroom": ((165, 220, 250), (240, 250, 255), lambda x, y: (x % 16 < 2) | (y % 16 < 2)),
    "bedroom": ((225, 170, 225), (150, 95, 165), lambda x, y: y % 10 < 4),
    "office": ((205, 200, 165), (105, 105, 85), lambda x, y: x % 12 < 5),
    "garden": ((130, 195, 120), (35, 105, 45), lambda x, y: y % 40 > 16 + 8 * np.sin(x / 7)),
    "garage": ((60, 62, 72), (235, 190, 50), lambda x, y: (x + y) % 20 < 8),
}
_SLEEVES: dict[str, tuple[Colour, Colour, int]] = {  # guest -> two colours, period of the stripes in pixels
    "mia": (WHITE, WHITE, 8),
    "leo": (LINE, LINE, 8),
    "noah": (WHITE, LINE, 6),
    "emma": (WHITE, LINE, 20),
}


def thing(name: str, size: int, tilted: bool = False) -> Sprite:
    image = _paper(size, size)
    _draw(image, _SHAPES[name], COLOURS[THINGS[name].colour], size)
    return _reduce(image.rotate(75) if tilted else image)


def arm(size: int, guest: str | None = None) -> Sprite:
    """An open hand, fingers up, and its sleeve below; the palm is the centre. A guest's comes from above."""
    length = 90
    image = _paper(size, size + 2 * length)
    draw, unit, top = ImageDraw.Draw(image), size * _FINE, length * _FINE
    first, second, period = _SLEEVES[guest] if guest else (SLEEVE, SLEEVE, 8)
    for band in range(0, length, period // 2):
        start = top + (size - 4 + band) * _FINE
        fill = second if band % period else first
        draw.rectangle([0.12 * unit, start, 0.88 * unit, start + period // 2 * _FINE], fill=fill)
    skin = GLOVE if guest else SKIN
    _draw(image, _SPREAD, skin, size, top)
    draw.ellipse([0.04 * unit, top + 0.25 * unit, 0.96 * unit, top + unit], fill=skin)
    return _reduce(image.rotate(180) if guest else image)


def fingers(size: int, guest: bool = False) -> Sprite:
    """Fingers closed over the lower edge of the held thing."""
    image = _paper(size, size)
    _draw(image, _CLOSED, GLOVE if guest else SKIN, size)
    return _reduce(image.rotate(180) if guest else image)


def sign(verb: str) -> Sprite:
    size = 36
    image = _paper(size, size)
    _draw(image, _SIGNS[verb], WATER, size)
    return _reduce(image)


def wall(room: str, height: int = CELL + 8, width: int = SLOTS * CELL + 8) -> Sprite:
    """uint8 [height, width, 4]; of the week's walls 8 pixels more than it shows, so that jitter can shift them."""
    ground, pattern, where = _WALLS[room]
    y, x = np.mgrid[0:height, 0:width]
    on = where(x, y)
    return np.where(on[..., None], flat(pattern)[0], flat(ground)[0]), np.ones_like(on)


def flat(colour: Colour) -> Sprite:
    return np.array([[(*colour, 255)]], np.uint8), np.ones((1, 1), bool)


def _paper(width: int, height: int) -> Image.Image:
    return Image.new("RGBA", (width * _FINE, height * _FINE))


def _draw(image: Image.Image, strokes: str, colour: Colour, size: int, top: int = 0) -> None:
    """Strokes in a square of `size` below `top`; those that name no colour have this one."""
    draw = ImageDraw.Draw(image)
    for stroke in strokes.split(", "):
        *named, kind = (word for word in stroke.split() if not word.isdigit())
        fill = {"white": WHITE, "line": LINE}[named[0]] if named else colour
        numbers = [int(word) / 100 * size * _FINE for word in stroke.split() if word.isdigit()]
        at = [number + top * (place % 2) for place, number in enumerate(numbers)]
        if kind == "rect":
            draw.rectangle(at, fill=fill, outline=LINE, width=_FINE)
        elif kind == "oval":
            draw.ellipse(at, fill=fill, outline=LINE, width=_FINE)
        elif kind == "ring":
            draw.ellipse(at, outline=fill, width=4 * _FINE)
        elif kind == "poly":
            draw.polygon(at, fill=fill, outline=LINE, width=_FINE)
        else:  # left, right: a bow open to the other side
            start = 120 if kind == "left" else 300
            draw.arc(at, start, start + 120, fill=LINE, width=int(1.6 * _FINE))


def _reduce(image: Image.Image) -> Sprite:
    size = (image.width // _FINE, image.height // _FINE)
    small = np.asarray(image.resize(size, Image.Resampling.BOX))  # weighs colour by alpha, edges stay clean
    return small, small[..., 3] >= 128
