"""What happens in a take: where the wearer goes, what is announced, what is held. No pixels and no joints here.

The next room is (room + turn) mod 6, and the turn is in the poses, so who knows the action knows the next room. A
guest's hand announces the action before it happens, and is followed four times in five, so who sees the image half
knows the action.
"""

import uuid
from dataclasses import dataclass

import numpy as np

from firsthand.media.names import PEOPLE
from firsthand.toy.week.world import ROOMS, THINGS

POSES = 5  # a step: the poses between two images
FPS = 30  # poses a second
ACTIONS = ("left two", "left", "reach", "right", "right two")
TURNS = (-2, -1, 0, 1, 2)  # rooms that each action turns by
CHANCES = (0.22, 0.22, 0.12, 0.22, 0.22)
REACH = ACTIONS.index("reach")
FOLLOWED = 0.8  # of the announcements
WEARERS = {"train": PEOPLE[:4], "val": PEOPLE[4:]}  # nobody is in both
ROLL_OF_TAKE, ROLL_OF_IMAGE = 0.05, 0.08  # radians, standard deviations
ASIDE, NEAR, FAR = 0.28, 1.25, 0.85  # in rooms, how far beside its middle one stands; scales of leaning in and back
DARK, BRIGHT, OFFSET = 0.6, 1.3, 25.0  # light of an image: gain and what is added


@dataclass(frozen=True)
class View:
    """How an image shows its room, beyond what the pose says: nuisances that a good representation drops."""

    aside: float
    lean: float
    hands: tuple[tuple[float, float], tuple[float, float]]  # pixels beside where the hands rest, left and right
    gain: float
    offset: float


@dataclass(frozen=True)
class Take:
    split: str
    number: int
    wearer: str
    things: tuple[str, ...]  # on the table of each room
    rooms: tuple[int, ...]  # one for each image
    held: tuple[str | None, ...]  # one for each image
    announced: tuple[int, ...]  # one for each image: the action that the guest's hand points to
    actions: tuple[int, ...]  # one for each step
    roll: tuple[float, ...]  # one for each image
    views: tuple[View, ...]  # one for each image
    motion_seed: int  # of gait, noise and hidden joints

    @property
    def name(self) -> str:
        return f"rounds_{self.wearer.lower()}_{self.split}_{self.number:04}"

    @property
    def uid(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.name}/{self.motion_seed}"))

    @property
    def frames(self) -> int:
        return POSES * len(self.actions) + 1


def plan_take(split: str, number: int, steps: int, seed: int) -> Take:
    rng = np.random.default_rng([seed, sorted(WEARERS).index(split), number])
    actions = rng.choice(len(ACTIONS), steps, p=CHANCES).tolist()
    things = tuple(str(rng.choice([name for name, thing in THINGS.items() if thing.home == room])) for room in ROOMS)
    rooms, held = [int(rng.integers(len(ROOMS)))], [None]
    for action in actions:
        rooms.append((rooms[-1] + TURNS[action]) % len(ROOMS))
        held.append(_after(action, held[-1], things[rooms[-2]]))
    images = steps + 1
    return Take(
        split,
        number,
        WEARERS[split][number % len(WEARERS[split])],
        things,
        tuple(rooms),
        tuple(held),
        tuple(_announce(rng, action) for action in [*actions, int(rng.integers(len(ACTIONS)))]),
        tuple(actions),
        tuple((rng.normal(0, ROLL_OF_TAKE) + rng.normal(0, ROLL_OF_IMAGE, images)).tolist()),
        tuple(_view(rng) for _ in range(images)),
        int(rng.integers(2**32)),
    )


def _after(action: int, held, thing: str):
    """Reaching takes the thing of the room into the free hand, or puts away what is held."""
    return held if action != REACH else thing if held is None else None


def _announce(rng: np.random.Generator, action: int) -> int:
    others = [other for other in range(len(ACTIONS)) if other != action]
    return action if rng.random() < FOLLOWED else int(rng.choice(others))


def _view(rng: np.random.Generator) -> View:
    left_x, left_y, right_x, right_y = rng.uniform(-4, 4, 4).tolist()
    aside, lean = float(rng.uniform(-ASIDE, ASIDE)), float(rng.uniform(FAR, NEAR))
    gain, offset = float(rng.uniform(DARK, BRIGHT)), float(rng.uniform(-OFFSET, OFFSET))
    return View(aside, lean, ((left_x, left_y), (right_x, right_y)), gain, offset)
