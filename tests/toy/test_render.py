"""A frame shows its state and nothing more: rooms and things are read back by colour, boxes hold what they should."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firsthand.toy.week import motion, read_frame, world
from firsthand.toy.week.check_questions import only_region_tells
from firsthand.toy.week.render import render_frame
from firsthand.toy.week.seen_questions import ASKED_AT
from firsthand.toy.week.world import State

states = st.integers(0, 10**6).map(lambda seed: world.random_state(random.Random(seed)))
IN_RESTING_HAND = ("hold", *world.USES)


@given(states)
def test_frames_are_rgb_and_repeat_exactly(state):
    frame = render_frame(state)
    assert frame.shape == (world.HEIGHT, world.WIDTH, 3) and frame.dtype == np.uint8
    first = frame.copy()
    frame[:] = 0  # a caller may scribble on it
    assert np.array_equal(render_frame(state), first)


@given(states.filter(lambda state: state.verb is None or state.verb in IN_RESTING_HAND))
def test_colour_alone_tells_room_table_and_held_thing(state):
    view = read_frame.read(render_frame(state))
    assert (view.room, view.table, view.held) == (state.room, state.table, state.thing)


@given(states, st.sampled_from(sorted(ASKED_AT)))
def test_when_asked_about_only_the_region_tells_the_thing(state, verb):
    asked = replace(
        state, verb=verb, thing=state.table[0], guest="mia" if verb == "hand over" else None, phase=ASKED_AT[verb]
    )
    assert read_frame.read(render_frame(asked)).held == asked.thing
    assert only_region_tells(asked)


def test_mid_lift_the_place_of_the_hand_tells_the_pile():
    """The counterpart: without the settled phase the proof above fails, so it can fail."""
    lifting = State("kitchen", ("cup", "book", "soap", "lamp"), "pick up", "cup", phase=0.5)
    assert not only_region_tells(lifting)


@given(states)
def test_boxes_are_inside_the_frame_and_hold_hands_and_thing(state):
    place = motion.layout(state)
    boxes = [motion.hand_box(palm) for palm in place.palms.values()] + ([place.region] if place.region else [])
    for x0, y0, x1, y1 in boxes:
        assert 0 <= x0 < x1 <= world.WIDTH and 0 <= y0 < y1 <= world.HEIGHT
    assert (place.region is None) == (state.verb is None)
    if place.thing and state.verb != "hand over" and place.region:
        x0, y0, x1, y1 = place.region
        assert x0 <= place.thing[0] <= x1 and y0 <= place.thing[1] <= y1


@given(states)
def test_wrists_are_the_palms_and_unseen_joints_are_marked(state):
    palms = motion.layout(state).palms
    joints = dict(zip(motion.COCO_JOINTS, motion.joints(palms), strict=True))
    for hand in world.HANDS:
        x, y, visible = joints[f"{hand}_wrist"]
        assert (x, y) == palms[hand]
        assert visible == (0 <= y < world.HEIGHT)
    assert not any(joints[name][2] for name in ("nose", "left_shoulder", "right_hip", "left_ankle"))


@pytest.mark.parametrize("verb", world.VERBS)
def test_verbs_move_smoothly_from_where_the_last_ended(verb):
    """No hand jumps: at the ends of a verb it is where holding or resting has it, and in between steps are small."""
    table = ("bottle", "soap", "can", "box")
    base = State("office", table, verb, "soap", guest="leo" if verb == "hand over" else None)
    path = [motion.layout(replace(base, phase=step / 60)).palms["right"] for step in range(61)]
    holds, rests = (motion.layout(replace(base, verb=other)).palms["right"] for other in ("hold", None))
    assert path[0] == pytest.approx(rests if verb == "pick up" else holds)
    assert path[-1] == pytest.approx(rests if verb in ("put down", "hand over") else holds, abs=0.01)
    steps = np.abs(np.diff(np.array(path), axis=0)).max()
    assert 0 < steps < 6 or verb in ("pour", "open")
