"""The mask hides what it covers and nothing else; readers of pixels try to find out what was there."""

import io
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from firsthand.errors import UserError
from firsthand.selection.mask import Mask, masked
from firsthand.selection.region_file import Region
from firsthand.toy.week import world
from firsthand.toy.week.motion import layout
from firsthand.toy.week.read_frame import read
from firsthand.toy.week.render import render_frame

FRAMES = 300  # of each row of the table; the standard error of a share of 0.25 is 0.025


@pytest.fixture(scope="module")
def held() -> list[tuple[np.ndarray, tuple[float, ...], world.State]]:
    """Frames with a thing in the hand, and the box around thing and hand."""
    rng, found = random.Random(0), []
    while len(found) < FRAMES:
        state = world.random_state(rng)
        if state.thing and (box := layout(state).region):
            frame = render_frame(state)
            if read(frame).held == state.thing:
                found.append((frame, box, state))
    return found


def by_sight(frame: np.ndarray, box, state: world.State) -> str | None:
    return read(frame).held


def by_mean_colour(frame: np.ndarray, box, state: world.State) -> str:
    """Of the four things on the table, the one whose colour the patch is nearest to."""
    x0, y0, x1, y1 = (round(side) for side in box)
    mean = frame[max(0, y0) : y1, max(0, x0) : x1].reshape(-1, 3).mean(0)

    def distance(name: str) -> float:
        return float(np.abs(np.array(world.COLOURS[world.THINGS[name].colour]) - mean).sum())

    return min(state.table, key=distance)


def named(held, noise, reader) -> float:
    hits = [
        reader(masked(frame, [box], noise, number), box, state) == state.thing
        for number, (frame, box, state) in enumerate(held)
    ]
    return sum(hits) / len(hits)


def test_noise_of_the_outside_leaks_nothing_and_noise_of_the_region_does(held) -> None:
    """Chance is 0.25: the held thing is one of four on the table. The limit is three standard errors above it."""
    assert named(held, "outside", by_sight) < 0.33 and named(held, "outside", by_mean_colour) < 0.33
    assert named(held, "region", by_sight) > 0.4 and named(held, "region", by_mean_colour) > 0.4


def test_only_pixels_in_the_boxes_change_the_same_way_for_the_same_seed(held) -> None:
    frame, _, _ = held[0]
    before = frame.copy()
    boxes = [(10.4, 20.0, 30.2, 40.0), (-5.0, 90.0, 3.0, 200.0)]  # a fraction, and over the edge
    out = masked(frame, boxes, "outside", 7)
    inside = np.zeros(frame.shape[:2], bool)
    inside[20:40, 10:31] = inside[90:96, 0:3] = True
    changed = (out != frame).any(-1)
    assert not changed[~inside].any() and changed[inside].mean() > 0.99 and out.shape == frame.shape
    assert (frame == before).all()
    assert (out == masked(frame, boxes, "outside", 7)).all() and (out != masked(frame, boxes, "outside", 8)).any()


def test_noise_has_mean_and_spread_of_what_it_is_like() -> None:
    frame = np.full((100, 100, 3), 100, np.uint8)
    frame[::2] += 20  # outside: mean 110, spread 10
    frame[20:80, 20:80] = 30
    frame[20:80:2, 20:80] = 40  # inside: mean 35, spread 5
    for noise, mean, spread in (("outside", 110, 10), ("region", 35, 5)):
        patch = masked(frame, [(20, 20, 80, 80)], noise, 0)[20:80, 20:80]
        assert patch.mean() == pytest.approx(mean, abs=1) and patch.std() == pytest.approx(spread, abs=0.5)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(3):
        Image.new("RGB", (64, 48), (60 * number, 90, 120)).save(tmp_path / f"{number}.jpg")
    return tmp_path


def region(**changes) -> Region:
    facts = {"id": "r1", "finder": "precomputed", "size": (64, 48), "frames": (0, 2)}
    return Region(**{**facts, "boxes": ((8, 8, 24, 24), None), **changes})


def test_frames_without_a_box_are_sent_byte_for_byte(root) -> None:
    mask = Mask(region(), ["0.jpg", "1.jpg", "2.jpg"], "outside")
    for name in ("1.jpg", "2.jpg"):
        assert mask.read(root, name) == ((root / name).read_bytes(), "image/jpeg")
    sent, form = mask.read(root, "0.jpg")
    shown, before = np.asarray(Image.open(io.BytesIO(sent))), np.asarray(Image.open(root / "0.jpg"))
    changed = (shown != before).any(-1)
    assert form == "image/png" and shown.shape == before.shape
    assert not changed[:8].any() and not changed[:, 24:].any()
    assert mask.read(root, "0.jpg")[0] == sent


def test_a_region_of_other_frames_is_refused(root) -> None:
    frames = ["0.jpg", "1.jpg", "2.jpg"]
    with pytest.raises(UserError, match=r"32 x 24, 0\.jpg has 64 x 48; find the regions again"):
        Mask(region(size=(32, 24)), frames, "outside").read(root, "0.jpg")
    with pytest.raises(UserError, match="of frame 2, the row has 1"):
        Mask(region(), ["0.jpg"], "outside")
    with pytest.raises(UserError, match="whole frame"):
        Mask(region(boxes=((0, 0, 64, 48), None)), frames, "outside").read(root, "0.jpg")
