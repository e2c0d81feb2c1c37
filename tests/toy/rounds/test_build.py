"""The world on disk: equal bytes for equal seeds, a build that goes on, a folder of others that is left alone."""

import json

import numpy as np
import pytest
from PIL import Image

from firsthand.errors import UserError
from firsthand.toy.rounds.build import Size, build, plan
from firsthand.toy.rounds.draw import SIZE, image
from firsthand.toy.rounds.plan import plan_take

SMALL = Size(takes=2, held_out=1, steps=6)


def tree(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    out = tmp_path_factory.mktemp("rounds") / "world"
    build(out, SMALL)
    return out


def test_equal_seeds_give_equal_bytes(world, tmp_path) -> None:
    build(tmp_path / "again", SMALL)
    assert tree(tmp_path / "again") == tree(world)


def test_a_stopped_build_goes_on_and_ends_the_same(world, tmp_path) -> None:
    out = tmp_path / "world"
    build(out, SMALL)
    first = plan(SMALL)[0]
    (out / f"truth/{first.name}.json").unlink()
    (out / f"egoexo/processed_data/{first.name}/aria01_214-1/frame_5.jpg").write_bytes(b"half a fil")
    build(out, SMALL)
    assert tree(out) == tree(world)


def test_another_world_or_folder_is_left_alone(world, tmp_path) -> None:
    with pytest.raises(UserError, match="another world"):
        build(world, Size(takes=3, held_out=1, steps=6))
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        build(tmp_path, SMALL)


def test_every_fifth_frame_is_an_image_and_every_frame_a_pose(world) -> None:
    take = plan(SMALL)[0]
    images = (world / f"egoexo/processed_data/{take.name}/aria01_214-1").iterdir()
    assert {path.name for path in images} == {f"frame_{5 * at}.jpg" for at in range(7)}
    body = json.loads((world / f"egoexo/annotations/ego_pose/train/body/automatic/{take.uid}.json").read_text())
    camera = json.loads((world / f"egoexo/annotations/ego_pose/train/camera_pose/{take.uid}.json").read_text())
    assert list(body) == list(camera["aria01"]["camera_extrinsics"]) == [str(frame) for frame in range(31)]
    assert camera["metadata"] == {"take_name": take.name, "take_uid": take.uid}


def test_images_are_grey_and_lie_by_room_too(world) -> None:
    take = plan(SMALL)[0]
    truth = json.loads((world / f"truth/{take.name}.json").read_text())
    shown = world / f"labels/room/train/{truth['rooms'][2]}/{take.name}_10.jpg"
    assert Image.open(shown).mode == "L" and Image.open(shown).size == (SIZE, SIZE)
    assert (world / f"labels/held/train/{truth['held'][2] or 'nothing'}/{take.name}_10.jpg").exists()
    assert shown.read_bytes() == (world / f"walking/{take.name}/frame_0000003.jpg").read_bytes()


def test_a_tilted_head_tilts_the_table_as_it_tilts_the_body() -> None:
    """The darkest line of the image is the edge of the table; its slope is the roll of the pose."""
    from firsthand.toy.rounds.body import JOINTS, motion

    hips = JOINTS.index("right-hip"), JOINTS.index("left-hip")
    slopes, rolls = [], []
    for number in range(12):
        take = plan_take("train", number, 4, 7)
        grey = np.asarray(image(take, 0).convert("L")).astype(float)
        edge = [20 + int(grey[20:50, x].argmin()) for x in (4, 60)]
        right, left = (motion(take).extrinsics[0, :, :3] @ motion(take).world[0, joint] for joint in hips)
        slopes.append(edge[1] - edge[0])
        rolls.append(np.arctan2(right[1] - left[1], right[0] - left[0]))
    assert np.corrcoef(slopes, rolls)[0, 1] > 0.6
