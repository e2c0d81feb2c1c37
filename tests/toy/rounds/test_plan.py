"""What can be known in the world of rounds, from its truth alone: the limits that a model is measured against."""

from itertools import product

import numpy as np
import pytest

from firsthand.toy.rounds.body import HEAD, JOINTS, motion
from firsthand.toy.rounds.plan import ACTIONS, CHANCES, FOLLOWED, POSES, TURNS, WEARERS, plan_take
from firsthand.toy.week.world import ROOMS, THINGS

T = 4


def in_camera(take) -> np.ndarray:
    moved = motion(take)
    turned = np.einsum("fij,fkj->fki", moved.extrinsics[..., :3], moved.world)
    return turned + moved.extrinsics[:, None, :, 3]


def chunks(split: str, takes: int):
    """Poses [clips, T, POSES, 17, 3], what is announced and done [clips, T], rooms of the images [clips, T + 1]."""
    poses, announced, actions, rooms = [], [], [], []
    for number in range(takes):
        take = plan_take(split, number, 60, 0)
        places = in_camera(take)
        for first in range(0, 60, T):
            poses.append(places[POSES * first + 1 : POSES * (first + T) + 1].reshape(T, POSES, 17, 3))
            announced.append(take.announced[first : first + T])
            actions.append(take.actions[first : first + T])
            rooms.append(take.rooms[first : first + T + 1])
    return np.array(poses), np.array(announced), np.array(actions), np.array(rooms)


@pytest.fixture(scope="module")
def train():
    return chunks("train", 60)


@pytest.fixture(scope="module")
def val():
    return chunks("val", 20)


def cm(error: np.ndarray) -> float:
    return 100 * float(np.linalg.norm(error, axis=-1).mean())


def test_equal_seeds_make_equal_takes_and_other_seeds_other_ones() -> None:
    first, again, other = (plan_take("train", 3, 20, seed) for seed in (5, 5, 6))
    assert first == again and first != other
    assert np.array_equal(motion(first).world, motion(again).world)


def test_rooms_follow_from_turns_and_things_from_reaching() -> None:
    take = plan_take("train", 0, 200, 1)
    for step, action in enumerate(take.actions):
        before, after = take.held[step : step + 2]
        assert take.rooms[step + 1] == (take.rooms[step] + TURNS[action]) % 6
        if ACTIONS[action] != "reach":
            assert after == before
        else:
            assert after == (None if before else take.things[take.rooms[step]])
    assert all(THINGS[thing].home == room for thing, room in zip(take.things, ROOMS, strict=True))


def test_nobody_is_in_both_splits() -> None:
    assert not set(WEARERS["train"]) & set(WEARERS["val"])
    assert {plan_take("val", number, 4, 0).wearer for number in range(8)} == set(WEARERS["val"])


def test_an_announcement_is_followed_four_times_in_five(train) -> None:
    _, announced, actions, _ = train
    assert (announced == actions).mean() == pytest.approx(FOLLOWED, abs=0.02)


def test_who_knows_the_next_room_finds_four_of_five_frames_within_a_clip(val) -> None:
    """Every sequence of actions with its chance, against takes as drawn: rooms come again, so it is less than all."""
    exact = 0.0
    for actions in product(range(len(ACTIONS)), repeat=T):
        rooms = np.cumsum([TURNS[action] for action in actions]) % 6
        found = np.mean([1 / np.sum(rooms == room) for room in rooms])
        exact += found * np.prod([CHANCES[action] for action in actions])
    rooms = val[3][:, 1:]
    drawn = (1 / (rooms[:, :, None] == rooms[:, None]).sum(-1)).mean()
    assert exact == pytest.approx(0.795, abs=0.01)
    assert drawn == pytest.approx(exact, abs=0.02)


def test_the_guests_hand_alone_leaves_six_tenths_of_the_error(train, val) -> None:
    poses, announced, actions, _ = val
    truth = poses[:, 1:]
    mean = cm(truth - train[0].mean((0, 1, 2)))
    last = poses[:, :-1, -1:]
    copied, moving = cm(truth - last), cm(truth - last - (last - poses[:, :-1, -2:-1]) * np.arange(1, 6)[:, None, None])
    of_action = np.stack([np.median(train[0][train[2] == action], 0) for action in range(len(ACTIONS))])
    reader, knower = cm(truth - of_action[announced[:, 1:]]), cm(truth - of_action[actions[:, 1:]])
    assert reader / min(mean, copied) == pytest.approx(0.61, abs=0.03)
    assert knower < 0.8 * reader
    assert moving > 2 * copied


def test_the_head_stays_and_the_rest_swings_to_the_other_side() -> None:
    take = plan_take("train", 0, 60, 2)
    places = in_camera(take)
    assert np.abs(places[:, :HEAD] - places[0, :HEAD]).max() < 0.04  # noise of 4 mm
    wrist = JOINTS.index("right-wrist")
    for step, action in enumerate(take.actions):
        if TURNS[action]:
            middle = places[POSES * step + 2, wrist, 0] - places[POSES * step, wrist, 0]
            assert np.sign(middle) == -np.sign(TURNS[action])


def test_a_turn_of_two_rooms_takes_the_head_78_degrees_ahead_of_the_body() -> None:
    take = plan_take("train", 0, 60, 2)
    step = take.actions.index(ACTIONS.index("right two"))
    left, right = (JOINTS.index(f"{side}-hip") for side in ("left", "right"))
    hips = motion(take).world[:, right] - motion(take).world[:, left]
    ahead = motion(take).extrinsics[POSES * step + 3, 2, :2]  # where the camera looks, on the floor
    body = hips[POSES * step + 3, :2] @ np.array([[0, 1], [-1, 0]])  # square to the hips
    cosine = ahead @ body / np.linalg.norm(ahead) / np.linalg.norm(body)
    assert np.degrees(np.arccos(cosine)) == pytest.approx(78, abs=4)
