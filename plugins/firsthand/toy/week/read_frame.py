"""Reads a frame back by colour alone: which room, what lies in each slot, what is held, where hands are.

It knows the palette and nothing of the state, so it can prove that the pixels show what the truth says.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from firsthand.toy.week import sprites, world
from firsthand.toy.week.motion import TABLE_SIZE, slot_centre
from firsthand.toy.week.world import CELL, SLOTS

_PALETTE = np.array([
    *(world.COLOURS[thing.colour] for thing in world.THINGS.values()),
    sprites.SKIN, sprites.GLOVE, sprites.TABLE, sprites.WHITE, sprites.LINE, sprites.WATER,
])  # fmt: skip
_STEP = 8  # colour channels are compared in steps of 8; finer does not matter
_SKIN = len(world.OBJECTS)
_BARE_TABLE = np.s_[66:72, 0:4]  # no hand, thing or sleeve ever covers it; its colour shows the light
HANDS_ONLY = 66  # below this row there is only what hands hold
_ON_TABLE, _IN_HAND = 40, 100  # pixels from which a thing counts as seen; blurred outlines are a few dozen grey ones


@dataclass(frozen=True)
class Seen:
    room: str
    table: tuple[str | None, ...]
    held: str | None
    skin: np.ndarray  # bool [h, w]
    held_pixels: np.ndarray  # bool [h, w], the held thing's own colour below HANDS_ONLY


def read(frame: np.ndarray) -> Seen:
    light = np.median(frame[_BARE_TABLE]) / np.median(sprites.TABLE)
    lit = np.clip(frame / light, 0, 255)
    red, green, blue = np.moveaxis(lit.astype(np.uint8) // _STEP, -1, 0)
    names = _names()[red, green, blue]  # [h, w], index into the palette
    below = names.copy()
    below[:HANDS_ONLY] = -1
    held = _thing(below, _IN_HAND)
    return Seen(
        room=_room(lit),
        table=tuple(_thing(_slot(names, slot), _ON_TABLE) for slot in range(SLOTS)),
        held=held,
        skin=names == _SKIN,
        held_pixels=below == (world.OBJECTS.index(held) if held else -2),
    )


@cache
def _names() -> np.ndarray:
    """The nearest colour of the palette for every colour, in steps."""
    steps = np.arange(0, 256, _STEP) + _STEP / 2
    colours = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1)
    return np.abs(colours[..., None, :] - _PALETTE).sum(-1).argmin(-1)


def _slot(names: np.ndarray, slot: int) -> np.ndarray:
    x, y = (round(value) for value in slot_centre(0, 0, slot))
    half = TABLE_SIZE // 2
    return names[y - half : y + 8, x - half : x + half]  # a held thing may cover the lowest rows


def _thing(names: np.ndarray, enough: int) -> str | None:
    votes = np.bincount(names[(names >= 0) & (names < len(world.OBJECTS))], minlength=len(world.OBJECTS))
    return world.OBJECTS[int(votes.argmax())] if votes.max() >= enough else None


def _room(lit: np.ndarray) -> str:
    mean = lit[:CELL].mean((0, 1))
    return min(world.ROOMS, key=lambda room: float(np.abs(_wall(room) - mean).sum()))


@cache
def _wall(room: str) -> np.ndarray:
    return sprites.wall(room)[0][..., :3].mean((0, 1))
