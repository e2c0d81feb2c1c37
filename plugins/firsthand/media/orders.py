"""The order in which the frames of a video are shown. Their times stay; only what is seen at them changes."""

import random
from collections.abc import Sequence
from typing import Literal, TypeVar, get_args

Order = Literal["ordered", "shuffled", "reversed"]
OTHERS = tuple(order for order in get_args(Order) if order != "ordered")
Frame = TypeVar("Frame")


def places(count: int, order: Order, seed: str) -> list[int]:
    """Which frame is shown at each time. A shuffle is never the order of the video, and the same for the same seed."""
    ordered = list(range(count))
    if order != "shuffled" or count < 2:
        return ordered[::-1] if order == "reversed" else ordered
    shuffled, rng = list(ordered), random.Random(seed)
    while shuffled == ordered:
        rng.shuffle(shuffled)
    return shuffled


def arranged(frames: Sequence[Frame], order: Order, seed: str) -> list[Frame]:
    return [frames[place] for place in places(len(frames), order, seed)]
