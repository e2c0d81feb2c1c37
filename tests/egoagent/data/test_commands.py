"""From nothing to shards, as a reader types it."""

from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.egoagent.data.batches import open_clips, open_images


def typed(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_world_becomes_shards_of_clips_and_of_images(tmp_path) -> None:
    world, shards = tmp_path / "world", tmp_path / "shards"
    made = typed("toy", "rounds", "--out", world, "--takes", 2, "--held-out", 1, "--steps", 6)
    assert made.exit_code == 0 and f"the world is in {world}" in made.output
    clips = typed("egoagent", "shards", world / "egoexo", "--split", "val", "--out", shards / "val")
    assert "1 pieces of takes of 64 x 64 pixels in 1 shards" in clips.output
    images = typed("egoagent", "shards", world / "walking", "--out", shards / "images", "--size", 32)
    assert "14 images of 32 x 32 pixels in 1 shards" in images.output
    assert open_clips(str(shards / "val"), 4).counts == [3]
    assert open_images(str(shards / "images")).read(0, 0).shape == (3, 32, 32)


def test_images_of_several_sources_are_mixed(world, tmp_path) -> None:
    sources = (world / "walking", world / "egoexo/processed_data")
    assert typed("egoagent", "shards", *sources, "--out", tmp_path / "out").exit_code == 0
    assert open_images(str(tmp_path / "out")).counts == [4 * 13 + 5 * 13]


def test_what_was_left_aside_is_said(egoexo, tmp_path) -> None:
    next((egoexo / "annotations/ego_pose/train/camera_pose").glob("*.json")).unlink()
    done = typed("egoagent", "shards", egoexo, "--out", tmp_path / "out")
    assert done.exit_code == 0 and "1 things left aside; see" in done.output


def test_wrong_words_are_messages(world, tmp_path) -> None:
    for words, said in (
        (("shards", world / "egoexo", "--out", tmp_path / "a", "--per-step", 3), "--per-step 3: does not divide the 5"),
        (("shards", tmp_path, "--out", tmp_path / "b"), "or other image below this folder"),
        (("shards", world / "egoexo", "--out", tmp_path / "c", "--split", "test"), "no such folder"),
        (("shards", world / "egoexo", world / "walking", "--out", tmp_path / "d"), "becomes clips; give it alone"),
        (("straighten", world), "no take"),
    ):
        done = typed("egoagent", *words)
        assert done.exit_code == 1 and said in " ".join(done.output.split()), done.output
