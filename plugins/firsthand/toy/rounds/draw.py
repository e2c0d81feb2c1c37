"""What the head camera sees: a window cut out of a ring of rooms by one affine map, with the hands in front of it.

The panorama has a room every ROOM pixels: its wall, a table, one thing on a pile. The window is turned as the head is
tilted, scaled as the wearer leans, and shifted as the wearer stands aside. A guest's hand comes from above at one of
five places; it is large, because a cue that a small model cannot read teaches nothing.
"""

import io
from functools import lru_cache

import numpy as np
from PIL import Image

from firsthand.toy.rounds.plan import REACH, Take
from firsthand.toy.week import sprites
from firsthand.toy.week.render import put
from firsthand.toy.week.world import ROOMS

ROOM, SIZE = 96, 64  # pixels of a room, which is also the window, and of an image
EDGE = 40  # pixels above and below the window that a turned or wide window may show
SPAN = ROOM + 2 * EDGE
WALL, TABLE_AT, THING = 48, 70, 30  # where the wall ends, where the pile stands, how large its thing is
GUEST, GUEST_X, GUEST_Y, GUEST_REACHES = 24, (12, 30, 48, 66, 84), 36, 50
HAND, HELD = 13, 22  # sizes in the image
HANDS_AT = ((12, 58), (52, 58))


def image(take: Take, at: int) -> Image.Image:
    """RGB; `at` counts images, not frames."""
    view, roll = take.views[at], take.roll[at]
    scene = _around(take.things, take.rooms[at], round(view.aside * ROOM)).copy()
    announced = take.announced[at]
    centre = (EDGE + GUEST_X[announced], EDGE + (GUEST_REACHES if announced == REACH else GUEST_Y))
    put(scene, centre, _sprite("arm", GUEST, "leo"))
    window = Image.fromarray(scene.view(np.uint8).reshape(SPAN, SPAN, 4)[..., :3])
    seen = window.transform((SIZE, SIZE), Image.Transform.AFFINE, _affine(roll, view.lean), Image.Resampling.BILINEAR)
    frame = np.dstack([np.asarray(seen), np.full((SIZE, SIZE), 255, np.uint8)]).view(np.uint32)[..., 0]
    _hands(frame, view.hands, take.held[at])
    lit = frame.view(np.uint8).reshape(SIZE, SIZE, 4)[..., :3] * view.gain + view.offset
    return Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))


def jpeg(take: Take, at: int, colour: bool) -> bytes:
    """Grey unless `colour`: the colour of a wall survives every crop, so that a model learns colours and no rooms."""
    target = io.BytesIO()
    seen = image(take, at)
    (seen if colour else seen.convert("L")).save(target, "JPEG", quality=95)
    return target.getvalue()


def _affine(roll: float, lean: float) -> tuple[float, ...]:
    """From a pixel of the image to one of the scene. What lies at (x, y) beside the middle is seen turned by `roll`,
    as the joints are."""
    scale, middle, half = ROOM / SIZE / lean, SPAN / 2, SIZE / 2
    cos, sin = scale * np.cos(roll), scale * np.sin(roll)
    return (cos, sin, middle - half * (cos + sin), -sin, cos, middle - half * (cos - sin))


def _hands(frame: np.ndarray, shifts: tuple[tuple[float, float], ...], held: str | None) -> None:
    left, right = ((x + dx, y + dy) for (x, y), (dx, dy) in zip(HANDS_AT, shifts, strict=True))
    for palm in (left, right):
        put(frame, palm, _sprite("arm", HAND))
    if held:
        put(frame, (right[0], right[1] - HELD / 2), _sprite("thing", held, HELD))
        put(frame, right, _sprite("fingers", HAND))


@lru_cache(maxsize=8)
def _panorama(things: tuple[str, ...]) -> np.ndarray:
    """uint32 [SPAN, 8 * ROOM]: the ring, with its last room before the first and its first after the last."""
    order = [len(ROOMS) - 1, *range(len(ROOMS)), 0]
    return np.hstack([_room(ROOMS[room], things[room]) for room in order])


@lru_cache(maxsize=64)
def _around(things: tuple[str, ...], room: int, aside: int) -> np.ndarray:
    left = (room + 1) * ROOM + aside - EDGE
    return _panorama(things)[:, left : left + SPAN]


@lru_cache(maxsize=64)
def _room(room: str, thing: str) -> np.ndarray:
    scene = np.full((SPAN, ROOM), _pixels(sprites.flat(sprites.TABLE))[0])
    scene[: EDGE + WALL] = _pixels(sprites.wall(room, EDGE + WALL, ROOM))
    scene[EDGE + WALL] = _pixels(sprites.flat(sprites.LINE))[0]
    put(scene, (ROOM / 2, EDGE + TABLE_AT), _sprite("thing", thing, THING))
    return scene


@lru_cache(maxsize=64)
def _sprite(draw: str, *what) -> sprites.Sprite:
    sprite = getattr(sprites, draw)(*what)
    return _pixels(sprite), sprite[1]


def _pixels(sprite: sprites.Sprite) -> np.ndarray:
    return np.ascontiguousarray(sprite[0].astype(np.uint8)).view(np.uint32)[..., 0]
