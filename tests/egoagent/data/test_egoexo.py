"""Takes in the layout of Ego-Exo4D, written by hand or by the world of rounds, right and wrong."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from firsthand.egoagent.data.egoexo import JOINTS, Body, Dropped, TakeFiles, image_frames, open_release, read_body
from firsthand.egoagent.data.pieces import Piece, Step, actions, cut, runs
from firsthand.errors import UserError

POSE = "annotations/ego_pose/train"


def all_takes(root: Path, source="automatic") -> list[TakeFiles | Dropped]:
    release = open_release(root, "train", source)
    return [release.take(body) for body in release.bodies]


def take_files(root: Path) -> TakeFiles:
    take = all_takes(root)[0]
    assert isinstance(take, TakeFiles)
    return take


def change(path: Path, how) -> None:
    content = json.loads(path.read_text())
    how(content)
    path.write_text(json.dumps(content))


def hand_made(root: Path, joints: dict, extrinsic: list) -> TakeFiles:
    """One frame, number 7."""
    body, camera = root / "u.json", root / "camera.json"
    body.write_text(json.dumps({"7": [{"annotation3D": joints}]}))
    camera.write_text(json.dumps({"metadata": {"take_name": "t"}, "aria01": {"camera_extrinsics": {"7": extrinsic}}}))
    return TakeFiles("u", "t", body, camera, root / "aria01_214-1")


def test_seventeen_joints_in_the_order_of_coco() -> None:
    assert len(JOINTS) == 17
    assert JOINTS[:4] == ("nose", "left-eye", "right-eye", "left-ear") and JOINTS[-1] == "right-ankle"


def test_a_joint_is_placed_by_the_extrinsic_of_its_own_frame(tmp_path) -> None:
    """A quarter turn about z and a step of (1, 2, 3): (0.2, 0, 0) goes to (0, 0.2, 0) and on to (1, 2.2, 3)."""
    turn = [[0, -1, 0, 1], [1, 0, 0, 2], [0, 0, 1, 3]]
    body = read_body(hand_made(tmp_path, {"left-knee": {"x": 0.2, "y": 0, "z": 0}}, turn))
    knee = JOINTS.index("left-knee")
    assert body.frames.tolist() == [7]
    assert body.places[0, knee].tolist() == pytest.approx([1, 2.2, 3])
    assert body.visible[0].sum() == 1 and not body.places[0, :knee].any()


def test_poses_of_the_world_come_back_in_the_frame_of_the_camera(world, planned) -> None:
    from firsthand.toy.rounds.body import motion

    take = next(one for one in planned if one.name == take_files(world / "egoexo").name)
    moved, body = motion(take), read_body(take_files(world / "egoexo"))
    turned = np.einsum("fij,fkj->fki", moved.extrinsics[..., :3], moved.world) + moved.extrinsics[:, None, :, 3]
    assert np.array_equal(body.visible, moved.visible)
    assert np.abs(body.places - turned)[moved.visible].max() < 2e-4  # the files have four decimals


def test_images_are_sorted_by_number(tmp_path) -> None:
    for number in (0, 5, 10, 100):
        (tmp_path / f"frame_{number}.jpg").touch()
    assert list(image_frames(tmp_path)) == [0, 5, 10, 100]


def test_a_camera_file_of_another_take_is_an_error(egoexo) -> None:
    first, second = sorted((egoexo / POSE / "camera_pose").glob("*.json"))[:2]
    shutil.copy(second, first)
    with pytest.raises(UserError, match="belongs to another take"):
        all_takes(egoexo)


def test_a_name_that_is_not_that_of_the_list_of_takes_is_an_error(egoexo) -> None:
    first = sorted((egoexo / POSE / "camera_pose").glob("*.json"))[0]
    change(first, lambda camera: camera["metadata"].update(take_name="rounds_of_somebody"))
    with pytest.raises(UserError, match=r"takes\.json says"):
        all_takes(egoexo)


def test_poses_of_another_take_are_noticed_by_the_head_that_is_not_at_the_camera(egoexo) -> None:
    take = take_files(egoexo)

    def move(body):
        for people in body.values():
            for joint in people[0]["annotation3D"].values():
                joint["x"] += 3.0

    change(take.body, move)
    with pytest.raises(UserError, match=r"the head is 3\.0 m from the camera"):
        read_body(take)


def test_takes_without_camera_or_images_and_boulderers_are_listed(egoexo) -> None:
    cameras = sorted((egoexo / POSE / "camera_pose").glob("*.json"))
    cameras[0].unlink()
    name = json.loads(cameras[1].read_text())["metadata"]["take_name"]
    shutil.rmtree(egoexo / "processed_data" / name)
    (egoexo / "takes.json").unlink()
    change(cameras[2], lambda camera: camera["metadata"].update(take_name="Bouldering_1"))
    takes = all_takes(egoexo)
    reasons = {one.why.split(" in ")[0].split(" of ")[0] for one in takes if isinstance(one, Dropped)}
    assert len(takes) == 4 and reasons == {"no camera_pose file", "0 folders", "bouldering"}


@pytest.mark.parametrize("which", ["body", "camera"])
def test_half_a_json_file_is_named(egoexo, which) -> None:
    take = take_files(egoexo)
    path = getattr(take, which)
    path.write_text(path.read_text()[:2000])
    with pytest.raises(UserError, match=f"{path.name}: not valid JSON"):
        read_body(take)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (lambda body: body["5"][0]["annotation3D"]["nose"].pop("y"), "frame 5: not joints"),
        (lambda body: body["5"][0]["annotation3D"]["nose"].update(y=float("nan")), "frame 5: a coordinate"),
        (lambda body: body.update(five=[]), "not a body file"),
        (lambda body: [people.clear() for people in body.values()], "no frame has both a pose and"),
    ],
)
def test_a_wrong_joint_is_named(egoexo, how, said) -> None:
    take = take_files(egoexo)
    change(take.body, how)
    with pytest.raises(UserError, match=said):
        read_body(take)


def test_the_camera_is_that_of_the_images(egoexo) -> None:
    take = take_files(egoexo)
    change(take.camera, lambda camera: camera.update(aria02={"camera_extrinsics": {}}))
    assert len(read_body(take).frames) == 61
    change(take.camera, lambda camera: camera.pop("aria01"))
    with pytest.raises(UserError, match=r"aria01\.camera_extrinsics is not"):
        read_body(take)


def test_manual_poses_are_read_from_their_own_folder(egoexo) -> None:
    body = egoexo / POSE / "body"
    with pytest.raises(UserError, match=r"body/annotation: no such folder"):
        all_takes(egoexo, "annotation")
    (body / "annotation").mkdir()
    one = sorted((body / "automatic").glob("*.json"))[0]
    shutil.move(one, body / "annotation" / one.name)
    assert [take.uid for take in all_takes(egoexo, "annotation")] == [one.stem]
    assert one.stem not in {take.uid for take in all_takes(egoexo)}


# -- runs and pieces ---------------------------------------------------------------------------------------------------


def body_with(frames) -> Body:
    frames = np.array(frames)
    places = np.broadcast_to(frames[:, None, None], (len(frames), 17, 3)).astype(np.float32)
    return Body(frames, places, np.ones((len(frames), 17), bool))


def test_a_run_ends_where_a_pose_or_an_image_is_missing() -> None:
    body = body_with([frame for frame in range(61) if frame != 23])
    images = [frame for frame in range(0, 61, 5) if frame != 45]
    assert list(runs(images, body, Step())) == [(0, 5), (25, 4), (50, 3)]


def test_an_image_that_is_not_every_fifth_is_in_no_run() -> None:
    assert list(runs([0, 3, 5, 8, 10], body_with(range(11)), Step())) == [(0, 3)]


def test_an_action_ends_at_the_moment_of_the_next_image() -> None:
    places, visible = actions(body_with(range(21)), Piece(5, 3, 2), Step())
    assert places[:, :, 0, 0].tolist() == [[6, 7, 8, 9, 10], [11, 12, 13, 14, 15]]
    assert visible.shape == (2, 5, 17)


def test_poses_of_a_lower_rate_are_taken_as_they_come() -> None:
    body = body_with(range(0, 31, 3))
    assert body.gap == 3
    places, _ = actions(body, Piece(0, 3, 2), Step(every=15, poses=5))
    assert places[:, :, 0, 0].tolist() == [[3, 6, 9, 12, 15], [18, 21, 24, 27, 30]]


@pytest.mark.parametrize("images", [2, 5, 21, 100, 101, 102, 121, 250])
@pytest.mark.parametrize("steps", [1, 4, 20])
def test_each_start_of_a_clip_is_in_exactly_one_piece(images, steps) -> None:
    starts = [
        (piece.first - 35) // 5 + start for piece in cut(35, images, Step()) for start in range(piece.clips(steps))
    ]
    assert starts == list(range(images - steps))
