"""Where the hands and the held thing are in each state: the one geometry behind pixels, boxes and body poses.

Camera model: a head-mounted camera that looks down at a table, orthographic, image plane = table plane, so one pixel
is the same length everywhere and a joint's place is its (x, y) in pixels, x to the right, y down. The wearer stands at
the lower edge: forearms enter the frame from below, shoulders, hips and legs lie below the frame and the head lies
above it, each at the place the plane gives it, with visibility 0.

Interaction region: a square around the thing (or around where it will be gripped), joined with the boxes of the hands
at work. Its size does not depend on the thing, so it gives nothing away by itself.
"""

import math
from dataclasses import dataclass

from firsthand.toy.week.world import CELL, HEIGHT, WIDTH, State

Point = tuple[float, float]
Box = tuple[int, int, int, int]  # x0, y0, x1, y1 in pixels, x1 and y1 just outside

TABLE_SIZE, HELD_SIZE = 26, 34  # size of a thing in pixels, on the table and in a hand
HAND_SIZE = 22
GRIP = 9  # pixels from the palm's centre up to that of the held thing
REGION = 21  # half the side of the square around a thing; holds a HELD_SIZE thing with the lid or the drops
FOREARM = 38

REST: dict[str, Point] = {"left": (17, 84), "right": (111, 84)}
HOLD: dict[str, Point] = {"left": (48, 86), "right": (80, 86)}
MEETING: Point = (64, 76)  # where a hand-over happens
GUEST_OUT, GUEST_IN = -24.0, 50.0  # the guest's hand comes from above

_BODY: dict[str, Point] = {  # elbows and wrists move
    "nose": (64, -30), "left_eye": (60, -34), "right_eye": (68, -34), "left_ear": (54, -30), "right_ear": (74, -30),
    "left_shoulder": (26, 150), "right_shoulder": (102, 150), "left_elbow": (0, 0), "right_elbow": (0, 0),
    "left_wrist": (0, 0), "right_wrist": (0, 0), "left_hip": (44, 210), "right_hip": (84, 210),
    "left_knee": (44, 262), "right_knee": (84, 262), "left_ankle": (44, 312), "right_ankle": (84, 312),
}  # fmt: skip
COCO_JOINTS = tuple(_BODY)


@dataclass(frozen=True)
class Layout:
    palms: dict[str, Point]
    grip: str | None = None  # the hand whose fingers close around the thing
    thing: Point | None = None  # centre of the thing that moves, None while it lies on its pile
    tilted: bool = False
    guest: Point | None = None
    region: Box | None = None


def slot_centre(dx: int, dy: int, slot: int) -> Point:
    return (slot * CELL + CELL / 2 + dx, CELL + CELL / 2 + 1 + dy)


def hand_box(palm: Point) -> Box:
    return _box(palm, HAND_SIZE / 2)


def layout(state: State) -> Layout:
    sway = (1.5 * math.sin(state.tick / 9), 1.5 * math.cos(state.tick / 13))
    shift = (sway[0] + state.jitter.dx, sway[1] + state.jitter.dy)
    palms = {hand: _add(place, shift) for hand, place in REST.items()}
    if state.verb is None:
        return Layout(palms)
    hold, rest, phase = _add(HOLD[state.hand], shift), palms[state.hand], state.phase
    other = "left" if state.hand == "right" else "right"
    working = [state.hand]
    gripped, tilted, guest = True, False, None
    thing: Point | None = None

    if state.verb in ("pick up", "put down"):
        # a pick-up is a put-down run backwards: settled in the hand, down to the pile, away with an empty hand
        backwards = 1 - phase if state.verb == "pick up" else phase
        slot = state.table.index(str(state.thing))
        pile = _add(slot_centre(state.jitter.dx, state.jitter.dy, slot), (0, GRIP))
        gripped = backwards < 0.6
        palm = _glide(hold, pile, (backwards - 0.2) / 0.4) if gripped else _glide(pile, rest, (backwards - 0.6) / 0.4)
    elif state.verb == "hand over":
        meeting = _add(MEETING, shift)
        gripped = phase < 0.6
        palm = _glide(hold, meeting, (phase - 0.2) / 0.3) if gripped else _glide(meeting, rest, (phase - 0.7) / 0.3)
        reach = min((phase - 0.1) / 0.4, (1.1 - phase) / 0.4)
        guest = _glide((meeting[0], GUEST_OUT), (meeting[0], GUEST_IN), reach)
        thing = None if gripped else _add(guest, (0, GRIP + 7))
    elif state.verb == "shake":
        palm = _add(hold, (0, 5 * math.sin(phase * 12 * math.pi)))
    elif state.verb == "open":
        palm = hold
        twist = 3 * math.sin(phase * 8 * math.pi)
        beside = _add(hold, (-24 if state.hand == "right" else 24, -4 + twist))
        palms[other] = _glide(palms[other], beside, min(phase, 1 - phase) / 0.2)
        working.append(other)
    else:  # pour, hold
        palm = hold
        tilted = state.verb == "pour" and 0.15 < phase < 0.85

    palms[state.hand] = palm
    if gripped:
        thing = _add(palm, (0, -GRIP))
    centre = thing or _add(palm, (0, -GRIP))
    region = _union([_box(centre, REGION), *(hand_box(palms[hand]) for hand in working)])
    return Layout(palms, state.hand if gripped else None, thing, tilted, guest, region)


def joints(palms: dict[str, Point]) -> list[tuple[float, float, int]]:
    """The 17 COCO joints as (x, y, visible); the wrists are the palms of `layout`."""
    places = dict(_BODY)
    for hand, palm in palms.items():
        places[f"{hand}_wrist"] = palm
        places[f"{hand}_elbow"] = _add(palm, (-5 if hand == "left" else 5, FOREARM))
    return [
        (x, y, int(0 <= x < WIDTH and 0 <= y < HEIGHT and not name.endswith(("eye", "ear", "nose"))))
        for name, (x, y) in places.items()
    ]


def _add(point: Point, by: Point) -> Point:
    return (point[0] + by[0], point[1] + by[1])


def _glide(start: Point, end: Point, part: float) -> Point:
    """The way from start to end, slow at both ends."""
    part = min(max(part, 0.0), 1.0)
    part = part * part * (3 - 2 * part)
    return (start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part)


def _box(centre: Point, half: float) -> Box:
    x, y = centre
    left, top = max(round(x - half), 0), max(round(y - half), 0)
    return (left, top, min(round(x + half), WIDTH), min(round(y + half), HEIGHT))


def _union(boxes: list[Box]) -> Box:
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return (min(x0), min(y0), max(x1), max(y1))
