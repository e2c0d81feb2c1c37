"""Shards: what is read is what was stored, by any tool; broken ones are named; builds go on; the cache is bounded."""

import json
import os
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from firsthand.egoagent.data import build_shards, read_shards
from firsthand.egoagent.data.batches import open_clips, open_images
from firsthand.egoagent.data.cache import Place
from firsthand.egoagent.data.egoexo import TakeFiles, open_release, read_body
from firsthand.egoagent.data.image_sources import ImageFile, frames_below, labelled
from firsthand.egoagent.data.pictures import rgb
from firsthand.egoagent.data.pieces import Step
from firsthand.egoagent.data.read_shards import ImageShards, Shards
from firsthand.errors import UserError
from firsthand.toy.rounds.build import Size, build


def nothing(*_) -> None:
    pass


def takes_of(egoexo: Path) -> list[TakeFiles]:
    release = open_release(egoexo, "train")
    return [take for take in map(release.take, release.bodies) if isinstance(take, TakeFiles)]


def rebuilt(world: Path, out: Path, size=None):
    return build_shards.build_clips(out, world / "egoexo", "train", "automatic", Step(), size, nothing)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


def test_every_image_is_read_as_it_lies_on_disk(world, image_shards) -> None:
    images = open_images(str(image_shards))
    assert sum(images.counts) == 4 * 13
    read = {images.read(0, sample).numpy().tobytes() for sample in range(images.counts[0])}
    assert read == {rgb(path.read_bytes(), path).tobytes() for path in (world / "walking").rglob("*.jpg")}


def test_images_that_fit_into_memory_are_decoded_once_and_others_each_time(image_shards, monkeypatch) -> None:
    decoded, real = [], read_shards.rgb
    monkeypatch.setattr(read_shards, "rgb", lambda content, where: decoded.append(where) or real(content, where))
    kept = open_images(str(image_shards))
    monkeypatch.setattr(read_shards, "DECODED", sum(kept.counts) * 3 * 64 * 64 - 1)
    too_many = open_images(str(image_shards))
    for images, times in ((kept, 1), (too_many, 2)):
        decoded.clear()
        assert images.read(0, 7).equal(images.read(0, 7)) and len(decoded) == times
    assert kept.read(0, 7).equal(too_many.read(0, 7))


def test_a_clip_is_the_images_and_poses_from_its_start(world, clip_shards) -> None:
    clips = open_clips(str(clip_shards), 4)
    assert sum(clips.counts) == 4 * (13 - 4)
    takes = {take.uid: take for take in takes_of(world / "egoexo")}
    for clip in range(clips.counts[0]):
        facts, read = clips.facts(0, clip), clips.read(0, clip)
        take, frame = takes[facts["take_uid"]], facts["frame"]
        paths = [take.images / f"frame_{frame + 5 * step}.jpg" for step in range(5)]
        assert np.array_equal(read.images.numpy(), np.stack([rgb(path.read_bytes(), path) for path in paths]))
        body = read_body(take)
        assert np.array_equal(read.poses.numpy().reshape(20, 17, 3), body.places[frame + 1 : frame + 21])
        assert np.array_equal(read.visible.numpy().reshape(20, 17), body.visible[frame + 1 : frame + 21])
        assert not read.poses[~read.visible].any()


def test_longer_clips_are_read_from_the_same_shards(clip_shards) -> None:
    assert sum(open_clips(str(clip_shards), 12).counts) == 4
    with pytest.raises(UserError, match="no run of images is 21 long"):
        open_clips(str(clip_shards), 20)
    with pytest.raises(UserError, match="1 to 20"):
        open_clips(str(clip_shards), 21)


def test_twenty_steps_are_a_clip_too(tmp_path) -> None:
    build(tmp_path / "world", Size(takes=1, held_out=1, steps=26))
    rebuilt(tmp_path / "world", tmp_path / "clips")
    clips = open_clips(str(tmp_path / "clips"), 20)
    assert clips.counts == [7]
    read = clips.read(0, 6)
    assert read.images.shape == (21, 3, 64, 64) and read.poses.shape == (20, 5, 17, 3)
    assert clips.facts(0, 6)["frame"] == 30
    assert read.images[0].equal(open_clips(str(tmp_path / "clips"), 4).read(0, 6).images[0])


def test_any_tool_that_reads_tars_reads_them(clip_shards) -> None:
    """As WebDataset groups them: members with what stands before the first dot are one sample."""
    with tarfile.open(clip_shards / "shard-000000.tar") as tar:
        names = tar.getnames()
    keys = [name.partition(".")[0] for name in names]
    assert sorted(set(keys), key=keys.index) == [key for at, key in enumerate(keys) if key not in keys[:at]]
    assert [name.partition(".")[2] for name in names[:4]] == ["json", "poses.npy", "visible.npy", "000000.jpg"]


def test_equal_data_are_equal_bytes_and_a_stopped_build_goes_on(world, clip_shards, tmp_path) -> None:
    rebuilt(world, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(clip_shards)
    (tmp_path / "again/shards.json").unlink()
    (tmp_path / "again/shard-000000.json").unlink()
    (tmp_path / "again/shard-000000.tar").write_bytes(b"half")
    with pytest.raises(UserError, match=r"no shards\.json"):
        open_clips(str(tmp_path / "again"), 4)
    rebuilt(world, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(clip_shards)


def test_shards_of_other_options_are_left_alone(world, clip_shards, tmp_path) -> None:
    copy = Path(shutil.copytree(clip_shards, tmp_path / "clips"))
    with pytest.raises(UserError, match="other data or options"):
        rebuilt(world, copy, size=32)


def test_many_small_shards_hold_the_same_samples(world, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(build_shards, "PER_SHARD", 10)
    made = build_shards.build_images(tmp_path / "many", frames_below(world / "walking"), None, nothing)
    assert [shard.samples for shard in made.shards] == [10, 10, 10, 10, 10, 2]


def test_gaps_are_cut_out_and_listed(egoexo, tmp_path) -> None:
    takes = takes_of(egoexo)
    (takes[0].images / "frame_30.jpg").unlink()
    made = build_shards.build_clips(tmp_path / "out", egoexo, "train", "automatic", Step(), None, nothing)
    assert sum(open_clips(str(tmp_path / "out"), 4).counts) == 3 * 9 + 2 + 2  # runs of 6 and 6 images
    assert made.dropped == 0  # each image that is there is in a clip
    body = json.loads(takes[1].body.read_text())
    del body["3"]
    takes[1].body.write_text(json.dumps(body))
    made = build_shards.build_clips(tmp_path / "out2", egoexo, "train", "automatic", Step(), None, nothing)
    [line] = (tmp_path / "out2/dropped.jsonl").read_text().splitlines()
    assert json.loads(line)["what"] == takes[1].name and "1 of 13 images" in line


def test_takes_of_another_rate_are_left_aside(egoexo, tmp_path) -> None:
    with pytest.raises(UserError, match="a pose every 1 frames, not 1 in the 5 frames"):
        build_shards.build_clips(tmp_path / "out", egoexo, "train", "automatic", Step(5, 1), None, nothing)


def test_an_image_that_cannot_be_decoded_is_named(egoexo, tmp_path) -> None:
    broken = takes_of(egoexo)[0].images / "frame_10.jpg"
    broken.write_bytes(broken.read_bytes()[:300])
    with pytest.raises(UserError, match=f"{broken.name}: not an image that can be decoded"):
        build_shards.build_clips(tmp_path / "out", egoexo, "train", "automatic", Step(), None, nothing)


def test_images_of_two_sizes_need_a_size(tmp_path) -> None:
    for number, shape in enumerate([(40, 20), (30, 30)]):
        Image.new("RGB", shape, (200, 10, 10)).save(tmp_path / f"{number}.png")
    images = [ImageFile(str(number), tmp_path / f"{number}.png") for number in range(2)]
    with pytest.raises(UserError, match="give --size"):
        build_shards.build_images(tmp_path / "out", images, None, nothing)
    shutil.rmtree(tmp_path / "out")
    made = build_shards.build_images(tmp_path / "out", images, 16, nothing)
    assert (made.height, made.width) == (16, 16)
    assert open_images(str(tmp_path / "out")).read(0, 0).shape == (3, 16, 16)


def test_a_long_name_is_stored_and_found(tmp_path) -> None:
    Image.new("RGB", (16, 16), (200, 10, 10)).save(tmp_path / "a.png")
    images = [ImageFile("é" * 150 + str(number), tmp_path / "a.png") for number in range(2)]
    build_shards.build_images(tmp_path / "out", images, None, nothing)
    shards = open_images(str(tmp_path / "out"))
    assert [shards.read(0, sample)[:, 0, 0].tolist() for sample in range(2)] == [[200, 10, 10]] * 2


def test_a_shard_that_is_not_whole_is_named(clip_shards, tmp_path) -> None:
    copy = Path(shutil.copytree(clip_shards, tmp_path / "clips"))
    shard = copy / "shard-000000.tar"
    os.truncate(shard, shard.stat().st_size // 2)
    with pytest.raises(UserError, match=r"shard-000000\.tar: \d+ bytes, but its index says \d+"):
        open_clips(str(copy), 4).read(0, 0)
    shard.unlink()
    with pytest.raises(UserError, match="no such shard"):
        open_clips(str(copy), 4).read(0, 0)


def test_shards_of_the_other_kind_are_refused(clip_shards) -> None:
    with pytest.raises(UserError, match="shards of clips, not of images"):
        open_images(str(clip_shards))


def test_frames_of_a_store_are_images(tmp_path) -> None:
    """The whole way of WalkingTours: a video, a frame store, shards."""
    from firsthand.media.extract import extract
    from firsthand.toy.week.video import encode

    videos = tmp_path / "videos"
    videos.mkdir()
    frames = [np.full((96, 128, 3), 10 * number, np.uint8) for number in range(20)]
    (videos / "Walking_Tour_Venice.mp4").write_bytes(encode(frames))
    extract(videos, tmp_path / "store", fps=5, workers=1)
    images = frames_below(tmp_path / "store")
    assert [image.key for image in images][:2] == [
        "Walking_Tour_Venice/DAY1_00000000",
        "Walking_Tour_Venice/DAY1_00000004",
    ]
    made = build_shards.build_images(tmp_path / "out", images, 64, nothing)
    assert (made.shards[0].samples, made.height) == (5, 64)


# -- the cache ---------------------------------------------------------------------------------------------------------


def remote(folder: Path, name: str) -> str:
    """An address of fsspec's memory file system."""
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.put(str(folder) + "/", f"/{name}/", recursive=True)
    return f"memory://{name}"


def test_shards_from_elsewhere_are_read_through_the_cache(image_shards, tmp_path) -> None:
    near = open_images(str(image_shards))
    far = ImageShards(Shards(Place(remote(image_shards, "a"), tmp_path / "cache"), "images"))
    assert near.read(0, 7).equal(far.read(0, 7))
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["shard-000000.tar"]


def test_the_cache_holds_no_more_than_it_may(world, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(build_shards, "PER_SHARD", 10)
    build_shards.build_images(tmp_path / "many", frames_below(world / "walking"), None, nothing)
    place = Place(remote(tmp_path / "many", "b"), tmp_path / "cache", most=100_000)
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "many").glob("*.tar")}
    assert sum(sizes.values()) > 2 * place.most > 2 * max(sizes.values())
    for name, size in sorted(sizes.items()):
        os.close(place.open(name, size))
        assert sum(path.stat().st_size for path in place.cache.iterdir()) <= place.most
    assert (place.cache / max(sizes)).exists()


def test_what_is_not_there_is_said(tmp_path) -> None:
    with pytest.raises(UserError, match="cannot be fetched"):
        open_images("memory://nowhere")
    with pytest.raises(UserError, match="or other image below"):
        frames_below(tmp_path)


# -- classes -----------------------------------------------------------------------------------------------------------


def test_few_images_of_each_class(world) -> None:
    bank = labelled(world / "labels/room", "train")
    few = bank.few(6)
    assert len(bank.paths) == 4 * 13 and sorted(few.labels) == list(range(6))
    assert all(path.parent.name == bank.classes[label] for path, label in zip(few.paths, few.labels, strict=True))


def test_a_class_without_a_bank_is_an_error(world) -> None:
    with pytest.raises(UserError, match="classes that train/ does not have"):
        labelled(world / "labels/room", "val", ["kitchen"])
